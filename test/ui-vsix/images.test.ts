// The README's pictures: the run of samples/quick-start.retune.json, light and dark.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, afterEach, before, suite, test } from "node:test";
import { until } from "../vscode/support/until.ts";
import { hasSamples, samplesWorkspace } from "../vscode/support/workspaces.ts";
import { openSession, type Session } from "./session.ts";

const RUN_LIMIT_MS = 10 * 60_000;
/** The curve says most where it has fallen but not ended. */
const SHOWN_SHARE = 0.7;
/** A click on a box whose row is still being drawn is lost. */
const ROWS_SETTLE_MS = 1_000;

/** Data whose rows are shared out between validation and test, by their number of rows for validation. */
const HALVES = [
  ["concise", 30],
  ["dictionary", 20],
] as const;

/** In the order in which they are asked for: the run's own data come first. */
const ROLES = [
  ["dictionary-valid", "Validation"],
  ["dictionary-test", "In-distribution test"],
  ["concise-test", "Shifted test"],
  ["concise-valid", "Validation"],
] as const;

/** @param folder gets the samples, and what the pictures of the layers and the lab show */
function picturesWorkspace(folder: string): void {
  samplesWorkspace(folder);
  writeFileSync(path.join(folder, LAST_BLOCKS_FILE), LAST_BLOCKS);
  for (const [name, count] of HALVES) {
    const file = (part: string) => path.join(folder, `data/${name}-${part}.jsonl`);
    const rows = readFileSync(file("eval"), "utf8").trim().split("\n");
    writeFileSync(file("valid"), `${rows.slice(0, count).join("\n")}\n`);
    writeFileSync(file("test"), `${rows.slice(count).join("\n")}\n`);
  }
}

const LAYERS = "Layers of last-blocks";
const LAST_BLOCKS_FILE = "last-blocks.retune.json";
const LAST_BLOCKS = `// The last blocks learn; what is below them stays as it is.
{
  "name": "last-blocks",
  "base": "models/retune-tiny",
  "method": { "type": "freeze" },
  "trainLast": 2, // of five
  "data": {
    "train": "data/dictionary-train.jsonl",
    "eval": "data/dictionary-eval.jsonl",
    "maxLength": 96,
  },
  "optimizer": { "learningRate": 5e-4, "warmupSteps": 10 },
  "batchSize": 8,
  "epochs": 8,
}
`;

const skip = !hasSamples && "the sample model is not there";

suite("pictures", { concurrency: false, skip }, () => {
  let session: Session;
  const folder = process.env["RETUNE_IMAGES"] ?? "out/screenshots";
  before(async () => {
    mkdirSync(folder, { recursive: true });
    session = await openSession({
      prepare: picturesWorkspace,
      folderName: "samples",
      viewport: { width: 1360, height: 900 },
    });
  });
  afterEach((context) => session.shootFailure(context));
  after(async () => {
    await session.close();
  });

  /** `name`-light.png and `name`-dark.png. */
  async function picture(name: string): Promise<void> {
    const { workbench: window } = session;
    for (const theme of ["light", "dark"]) {
      if (theme === "dark") await window.toggleTheme();
      // Nothing is under the pointer, and the new colours are drawn.
      await window.page.mouse.move(700, 890);
      await window.page.waitForTimeout(1_500);
      await window.screenshot(folder, `${name}-${theme}`);
    }
    await window.toggleTheme();
  }

  test("layers", async () => {
    const { workbench: window } = session;
    const below = (label: RegExp) => window.row(LAYERS, label).locator(".monaco-tl-twistie");
    const box = (label: RegExp) =>
      window.row(LAYERS, label).locator(".custom-view-tree-node-item-checkbox");
    await window.openFile(LAST_BLOCKS_FILE);
    await window.codeLens("Freeze Layers…").click();
    await below(/^Block 2$/).click();
    await window.row(LAYERS, /^MLP$/).waitFor();
    await window.page.waitForTimeout(ROWS_SETTLE_MS);
    await box(/^MLP$/).click();
    await window.page.locator(".view-line", { hasText: "layers.2.mlp" }).waitFor();
    await window.row(LAYERS, "Measure memory and step time").click();
    await window.row(LAYERS, "Measured").waitFor();
    await picture("layers");
    await window.command("View: Revert and Close Editor");
  });

  test("a recipe", async () => {
    const { workbench: window } = session;
    const model = window.row("Base Models", /^retune-tiny$/);
    await model.locator(".monaco-tl-twistie").click();
    // A row that is selected shows its buttons over what it says.
    await window.row("Base Models", /^model\.norm\.weight$/).click();
    await window.openFile("quick-start.retune.json");
    await window.codeLens("Start Run").waitFor();
    await picture("recipe");
  });

  test("a run", async () => {
    const { workbench: window } = session;
    await window.codeLens("Start Run").click();
    const isFarEnough = () => {
      const { step = 0, totalSteps = Infinity } = session.states()[0]?.state ?? {};
      return step / totalSteps > SHOWN_SHARE ? true : undefined;
    };
    await until(isFarEnough, { limitMs: RUN_LIMIT_MS, what: () => "the run's last third" });
    await picture("run");
  });

  test("an answer", async () => {
    const { workbench: window } = session;
    const toast = window.notification(/quick-start finished/);
    await toast.waitFor({ timeout: RUN_LIMIT_MS });
    await toast.getByRole("button", { name: "Generate…" }).click();
    await window.enter("What do you want to say", "What is a river?");
    await window.tab(/^quick-start\.md/).waitFor();
    await window.page.locator(".view-line", { hasText: /^In\sa/ }).waitFor();
    await picture("answer");
  });

  test("the interpolation lab", async () => {
    const { workbench: window } = session;
    await window.command("View: Close All Editors");
    const items = await window.contextMenu("Runs", /^quick-start$/);
    await items.filter({ hasText: "Interpolate…" }).click();
    // The run's own evaluation file and its halves, which lie beside it, are ticked: the halves will do.
    await window.tick("data/dictionary-eval.jsonl");
    for (const half of ["valid", "test"]) await window.tick(`data/concise-${half}.jsonl`);
    await window.acceptTicked();
    for (const [name, role] of ROLES) {
      await window.answer(`What is data/${name}.jsonl for?`, role);
    }
    await window.enter("Alphas as FROM:TO:STEP", "0:1:0.05");
    await window.tab(/quick-start$/).waitFor();
    const page = window.webview();
    await page.locator(".badge").getByText("Finished").waitFor({ timeout: RUN_LIMIT_MS });
    await window.clearNotifications();
    await page.locator(".dot.recommended").hover();
    await picture("lab");
  });

  test("a classifier", async () => {
    const { workbench: window } = session;
    await window.command("View: Close All Editors");
    await window.openFile("topics.retune.json");
    await window.codeLens("Start Run").click();
    await window.tab("topics").waitFor();
    const page = window.webview();
    await page.getByRole("status").getByText("Finished").waitFor({ timeout: RUN_LIMIT_MS });
    await page.getByRole("table", { name: "Scores of each label" }).scrollIntoViewIfNeeded();
    await picture("classification");
  });
});
