// A classifier's run as a person sees it: the panel with its confusion matrix.
import assert from "node:assert/strict";
import { after, afterEach, before, suite, test } from "node:test";
import { hasSamples, samplesWorkspace } from "../vscode/support/workspaces.ts";
import { openSession, type Session } from "./session.ts";
import type { Workbench } from "./workbench.ts";

const RUN_LIMIT_MS = 5 * 60_000;
const TOPICS = ["animal", "artifact", "body", "food", "person", "plant"];
const EVALUATION_ROWS = 180;

suite("a classifier", { concurrency: false, skip: !hasSamples }, () => {
  let session: Session;
  let window: Workbench;

  before(async () => {
    session = await openSession({ prepare: samplesWorkspace, folderName: "samples" });
    window = session.workbench;
  });
  afterEach((context) => session.shootFailure(context));
  after(async () => {
    await session.close();
  });

  test("its panel shows how each label was given, while it trains and when it has ended", async () => {
    await window.openFile("topics.retune.json");
    await window.codeLens("Start Run").click();
    await window.tab("topics").waitFor();
    const page = window.webview();
    const matrix = page.getByRole("table", { name: /^Confusion matrix/ });
    await matrix.waitFor({ timeout: RUN_LIMIT_MS });
    await page.getByRole("status").getByText("Finished").waitFor({ timeout: RUN_LIMIT_MS });
    const heads = await matrix.locator("thead th").allInnerTexts();
    assert.deepEqual(heads.slice(1), TOPICS);
    assert.deepEqual(await matrix.locator("tbody th").allInnerTexts(), TOPICS);
    const counts = (await matrix.locator("td").allInnerTexts()).map(Number);
    assert.equal(counts.length, TOPICS.length ** 2);
    const sum = (numbers: number[]): number => numbers.reduce((a, b) => a + b, 0);
    assert.equal(sum(counts), EVALUATION_ROWS);
    const right = sum(counts.filter((_, at) => at % (TOPICS.length + 1) === 0));
    const share = ((100 * right) / EVALUATION_ROWS).toFixed(1);
    const figures = page.locator(".evaluation-figures");
    await figures.getByText(`accuracy ${share} %`).waitFor();
    assert.match(await figures.innerText(), /feature distortion \d/);
    const scores = page.getByRole("table", { name: "Scores of each label" });
    assert.equal(await scores.locator("tbody tr").count(), TOPICS.length);
    assert.equal(await page.getByRole("button", { name: "Generate…" }).count(), 0);
    await window
      .row("Runs", /^topics$/)
      .filter({ hasText: /accuracy \d+\.\d %/ })
      .waitFor();
  });
});
