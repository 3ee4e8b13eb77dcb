// The packaged extension as a person meets it: clicks, keys and what the window shows. The tests
// share one window and build on each other.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import path from "node:path";
import { after, afterEach, before, suite, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { RunState } from "../../src/protocol/run-folder.ts";
import { until } from "../vscode/support/until.ts";
import { tinyWorkspace } from "../vscode/support/workspaces.ts";
import { windowUrl } from "../vscode-server/server.mjs";
import { openSession, type Session } from "./session.ts";
import type { Workbench } from "./workbench.ts";

const RUN_LIMIT_MS = 60_000;

suite("the packaged extension", { concurrency: false }, () => {
  let session: Session;
  let window: Workbench;

  before(async () => {
    session = await openSession({ prepare: tinyWorkspace });
    window = session.workbench;
  });
  afterEach((context) => session.shootFailure(context));
  after(async () => {
    await session.close();
  });

  /** What state.json of the newest run of this name says. */
  function stateOf(name: string): RunState | undefined {
    const [newest] = session.states().filter(({ run }) => run.startsWith(`${name}-`));
    return newest?.state;
  }

  async function stateThat(name: string, accepts: (state: RunState) => boolean): Promise<RunState> {
    const look = () => {
      const state = stateOf(name);
      return state && accepts(state) ? state : undefined;
    };
    return until(look, {
      limitMs: RUN_LIMIT_MS,
      what: () => JSON.stringify(stateOf(name) ?? name),
    });
  }

  test("a base model tells what it is, and opens to layers and tensors with shapes", async () => {
    const model = window.row("Base Models", /^tiny$/);
    await model.waitFor();
    assert.match(await model.innerText(), /llama · 26\.9K · F32 · 110 kB/);
    await model.locator(".monaco-tl-twistie").click();
    const layer = window.row("Base Models", /^model\.layers\.0$/);
    await layer.locator(".monaco-tl-twistie").click();
    const tensor = window.row("Base Models", /^self_attn\.q_proj\.weight$/);
    await tensor.waitFor();
    assert.match(await tensor.innerText(), /32 × 32/);
    await model.locator(".monaco-tl-twistie").click();
  });

  test("a run from the palette ends with an adapter, and says so once", async () => {
    await window.command("Retune: Start Run…");
    await window.pick("near full fine-tuning");
    await window.pick("tiny");
    await window.pick("data/train.jsonl");
    await window.enter("Name of the run");
    await window.pick("Start now");
    await window.tab(/^tiny-lora-train/).waitFor();
    const toast = window.notification(/tiny-lora-train finished/);
    await toast.waitFor({ timeout: RUN_LIMIT_MS });
    await window.webview().getByRole("status").getByText("Finished").waitFor();
    await window.row("Adapters", /^tiny-lora-train$/).waitFor();
    assert.match(
      await window.row("Adapters", /^tiny-lora-train$/).innerText(),
      /\d\.\d+ · LoRA r=8 · \d\d:\d\d/,
    );
    await window
      .row("Runs", /^tiny-lora-train$/)
      .filter({ hasText: /\d\.\d+ · LoRA · \d\d:\d\d/ })
      .waitFor();
    // Trees have been redrawn since; a second message would have come with that.
    assert.equal(await toast.count(), 1);
    assert.equal(await toast.getByRole("button", { name: "Open" }).count(), 1);
  });

  test("Generate… of the notification asks and streams an answer", async () => {
    await window
      .notification(/tiny-lora-train finished/)
      .getByRole("button", { name: "Generate…" })
      .click();
    await window.enter("What do you want to say", "Say 1");
    await window.tab(/^tiny-lora-train\.md/).waitFor();
    const answer = window.page.locator(".view-line", { hasText: /^>\sSay\s1$/ });
    await answer.waitFor();
    await window.command("View: Close All Editors");
  });

  test("the line above a recipe starts a run; tree, badge, status bar and panel show it", async () => {
    await window.openFile("long.retune.json");
    await window.codeLens("Start Run").click();
    await window.tab("long").waitFor();
    await stateThat("long", ({ status, step }) => status === "running" && step > 10);
    await window.webview().getByRole("status").getByText("Running").waitFor();
    const row = window.row("Runs", /^long$/);
    await until(
      async () => (/\d+\/200000 · loss \d/.test(await row.innerText()) ? true : undefined),
      {
        what: () => "step and loss in the run's row",
      },
    );
    assert.match(await window.statusBar().innerText(), /long \d+\/200000 · loss \d.* %/);
    await window.page.locator(".activitybar .badge-content", { hasText: "1" }).waitFor();
  });

  test("reloading the window leaves the run alone, and brings its panel back as it was", async () => {
    const frame = window.webview();
    await frame.getByLabel("Log scale").check();
    const chart = await frame.locator(".u-over").first().boundingBox();
    assert.ok(chart);
    const { mouse } = window.page;
    await mouse.move(chart.x + chart.width * 0.3, chart.y + 60);
    await mouse.down();
    await mouse.move(chart.x + chart.width * 0.6, chart.y + 60, { steps: 5 });
    await mouse.up();
    const reset = frame.getByRole("button", { name: "Reset Zoom" });
    await until(async () => ((await reset.isEnabled()) ? true : undefined), { what: () => "zoom" });
    // The page writes its view a moment later.
    await sleep(500);
    const before = await stateThat("long", () => true);

    await window.reload();
    await window.tab("long").waitFor();
    await window.webview().getByRole("status").getByText("Running").waitFor();
    const later = await stateThat("long", ({ step }) => step > before.step);
    assert.equal(later.status, "running");
    assert.deepEqual(later.process, before.process);
    assert.equal(await window.webview().getByLabel("Log scale").isChecked(), true);
    assert.equal(
      await window.webview().getByRole("button", { name: "Reset Zoom" }).isEnabled(),
      true,
    );
    await window.statusBar().waitFor();
    await window.row("Runs", /^long$/).waitFor();
  });

  test("a run's tab that lay behind another one at a reload is the one that a click brings", async () => {
    await window.openFile("quick.retune.json");
    await window.reload();
    await window.tab("long").waitFor();
    await window.row("Runs", /^long$/).click();
    await window.webview().getByRole("status").getByText("Running").waitFor();
    assert.equal(await window.tab("long").count(), 1);
    // What was chosen before is there again.
    assert.equal(await window.webview().getByLabel("Log scale").isChecked(), true);
  });

  test("the panel follows the colour theme and keeps its zoom", async () => {
    const color = () =>
      window
        .webview()
        .locator("body")
        .evaluate((body) => getComputedStyle(body).color);
    const first = await color();
    await window.toggleTheme();
    await until(async () => ((await color()) === first ? undefined : true), {
      what: () => "another text colour",
    });
    const reset = window.webview().getByRole("button", { name: "Reset Zoom" });
    assert.equal(await reset.isEnabled(), true);
    await reset.click();
    await window.toggleTheme();
  });

  test("closing the window leaves the run alone, and a new window shows it", async () => {
    const before = await stateThat("long", () => true);
    await window.page.goto("about:blank");
    // Longer than the server keeps an extension host that has lost its window.
    await sleep(4_000);
    const meanwhile = await stateThat("long", ({ step }) => step > before.step);
    assert.deepEqual(meanwhile.process, before.process);
    await window.open(session.url);
    await window.row("Runs", /^long$/).waitFor();
    await window.statusBar().waitFor();
  });

  test("Stop and Resume are one click away in the run's row", async () => {
    await window.rowAction("Runs", /^long$/, "Stop Run");
    const stopped = await stateThat("long", ({ status }) => status === "stopped");
    await window.notification(/long stopped/).waitFor();
    await until(async () => ((await window.statusBar().isVisible()) ? undefined : true), {
      what: () => "nothing in the status bar",
    });
    await window.clearNotifications();
    await window.rowAction("Runs", /^long$/, "Resume Run");
    await stateThat("long", ({ status, step }) => status === "running" && step > stopped.step);
    await window.webview().getByRole("button", { name: "Stop" }).click();
    await stateThat("long", ({ status }) => status === "stopped");
    await window.notification(/long stopped/).waitFor();
    await window.clearNotifications();
  });

  test("a run's menu shows recipe, log and place, and Delete asks first", async () => {
    await window
      .row("Runs", /^long$/)
      .filter({ hasText: /stopped at/ })
      .waitFor();
    const items = await window.contextMenu("Runs", /^long$/);
    const labels = await items.allInnerTexts();
    for (const label of ["Show Recipe", "Show Log", "Reveal", "Copy Run Id", "Resume Run"]) {
      assert.ok(labels.includes(label), `${label} in ${labels}`);
    }
    await window.page.getByRole("menuitem", { name: "Delete Run…" }).click();
    const dialog = window.page.locator(".monaco-dialog-box");
    await dialog.getByText('Delete run "long"?').waitFor();
    await dialog.getByRole("button", { name: "Delete" }).click();
    await window.row("Runs", /^long$/).waitFor({ state: "detached" });
    assert.equal(stateOf("long"), undefined);
  });

  test("the extension's page speaks to who has installed it, without a broken picture", async () => {
    const { page } = window;
    await window.command("Extensions: Show Installed Extensions");
    await page.locator(".extension-list-item", { hasText: "Retune" }).first().click();
    const text = window.webview();
    await text.getByRole("heading", { name: "The first run" }).waitFor();
    assert.doesNotMatch(await text.locator("body").innerText(), /npm|clone/);
    // VS Code empties the source of every image that does not come from the web.
    assert.equal(await text.locator("img").count(), 0);
  });

  test("the walkthrough shows the pictures that are in the package", async () => {
    await window.command("Welcome: Open Walkthrough");
    const title = "Fine-tune a language model";
    // The list of all walkthroughs moves while it is filled: a key takes what a click would miss.
    await window.type(title);
    await window.page.locator(".quick-input-list .monaco-list-row", { hasText: title }).waitFor();
    await window.page.keyboard.press("Enter");
    for (const step of ["Watch the loss fall", "Use what was learnt"]) {
      await window.page.locator(".getting-started-step", { hasText: step }).click();
      const picture = window.page.locator(".gettingStartedContainer img").last();
      const isDrawn = () =>
        picture.evaluate((image: HTMLImageElement) =>
          image.naturalWidth > 800 ? true : undefined,
        );
      await until(isDrawn, { what: () => `the picture of ${step}` });
    }
  });

  test("an empty folder says in each view what to do", async () => {
    const empty = path.join(session.workspace, "../empty");
    mkdirSync(empty);
    await window.open(windowUrl(session.port, empty));
    for (const [view, button] of [
      ["Base Models", "Add Model Folder…"],
      ["Adapters", "Start Run…"],
      ["Runs", "Start Run…"],
    ] as const) {
      await window.view(view).getByRole("button", { name: button }).first().waitFor();
    }
  });
});
