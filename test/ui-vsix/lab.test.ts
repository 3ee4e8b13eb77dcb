// The interpolation lab as a person meets it: from a run's menu to a saved model. The tests share one
// window and build on each other.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { after, afterEach, before, suite, test } from "node:test";
import { until } from "../vscode/support/until.ts";
import { labWorkspace } from "../vscode/support/workspaces.ts";
import { openSession, type Session } from "./session.ts";
import type { Workbench } from "./workbench.ts";

const INTERPOLATION_LIMIT_MS = 120_000;
const TITLE = "tiny to run-finished";

suite("the interpolation lab", { concurrency: false }, () => {
  let session: Session;
  let window: Workbench;

  before(async () => {
    session = await openSession({ prepare: labWorkspace });
    window = session.workbench;
  });
  afterEach((context) => session.shootFailure(context));
  after(async () => {
    await session.close();
  });

  test("Interpolate… of a run asks for data and their roles, and its curve grows", async () => {
    await window.runFromMenu("Runs", /^run-finished$/, "Interpolate…");
    await window.tick("data/other.jsonl");
    await window.acceptTicked();
    await window.answer("What is data/eval.jsonl for?", "In-distribution test");
    await window.answer("What is data/valid.jsonl for?", "Validation");
    await window.answer("What is data/other.jsonl for?", "Shifted test");
    await window.enter("Alphas as FROM:TO:STEP", "0:1:0.05");
    await window.tab(TITLE).waitFor();
    const page = window.webview();
    const dots = page.locator(".dot");
    const counts = new Set<number>();
    const grown = async () => {
      counts.add(await dots.count());
      return counts.has(21) ? true : undefined;
    };
    await until(grown, {
      limitMs: INTERPOLATION_LIMIT_MS,
      what: () => `21 dots, seen ${[...counts]}`,
    });
    assert.ok(counts.size >= 4, `the curve grew: ${[...counts].join()}`);
    await page.locator(".badge").getByText("Finished").waitFor();
    assert.match(await page.locator(".advice").innerText(), /^Alpha [\d.]+: the lowest loss/);
    assert.equal(await page.locator(".points tbody tr").count(), 21);
    for (const text of ["base", "fine-tune"]) {
      await page.locator(".point-label", { hasText: text }).first().waitFor();
    }
    assert.equal(await page.locator(".dot.recommended").count(), 1);
  });

  test("the pointer shows an alpha's figures in both curves; the figure drawn can be chosen", async () => {
    const page = window.webview();
    await page.locator(".points tbody tr").nth(4).hover();
    const tips = page.locator(".tooltip:visible");
    await tips.first().waitFor();
    assert.equal(await tips.count(), 2);
    assert.match(await tips.last().innerText(), /alpha 0\.2\n.*eval \(in-distribution\): \d/);
    await page.locator("#metric").selectOption("accuracy");
    await page.locator(".points caption").getByText("Accuracy by alpha and data").waitFor();
    assert.match(await page.locator(".points td").first().innerText(), /%$/);
    await page.locator("#metric").selectOption("perplexity");
    await page.locator(".axis-name", { hasText: "Perplexity" }).first().waitFor();
  });

  test("the chosen alpha is saved as a model", async () => {
    const page = window.webview();
    await page.locator(".points tbody tr").nth(6).getByRole("button").click();
    await page.locator("output.chosen").getByText("0.3", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Save This Model…" }).click();
    await window.enter("Folder for the model of alpha");
    await window.notification(/Saved: tiny-to-run-finished-alpha-0\.3/).waitFor();
    const out = path.join(session.workspace, "models/tiny-to-run-finished-alpha-0.3");
    assert.ok(existsSync(path.join(out, "model.safetensors")));
    await window.row("Base Models", /^tiny-to-run-finished-alpha-0\.3$/).waitFor();
  });

  test("the points are exported", async () => {
    const page = window.webview();
    await page.getByRole("button", { name: "Export CSV" }).click();
    await window.page.locator(".quick-input-widget .quick-input-box input").waitFor();
    await window.page.keyboard.press("Enter");
    const file = path.join(session.workspace, "tiny-to-run-finished.csv");
    // It is opened when it is whole.
    await window.tab(/^tiny-to-run-finished\.csv/).waitFor();
    const lines = readFileSync(file, "utf8").trim().split("\r\n");
    assert.match(lines[0] ?? "", /^alpha,data,role,loss,accuracy/);
    assert.equal(lines.length, 1 + 21 * 3);
  });

  test("after a window reload the panel is there again, with what was chosen", async () => {
    await window.tab(TITLE).click();
    const page = window.webview();
    // A page that is still being loaded takes the focus when it is there, and closes the palette.
    await page.locator("h1").click();
    await window.reload();
    await window.tab(TITLE).waitFor();
    await page.locator("output.chosen").getByText("0.3", { exact: true }).waitFor();
    assert.equal(await page.locator("#metric").inputValue(), "perplexity");
    assert.equal(await page.locator(".dot").count(), 21);
  });

  test("a failure is told in the panel; the interpolation is continued or deleted from its row", async () => {
    await window.runFromMenu("Runs", /^run-finished$/, "Interpolate…");
    await window.tick("broken/torn.jsonl");
    await window.acceptTicked();
    await window.answer("What is data/eval.jsonl for?", "In-distribution test");
    await window.answer("What is data/valid.jsonl for?", "Validation");
    await window.answer("What is broken/torn.jsonl for?", "Shifted test");
    await window.enter("Alphas as FROM:TO:STEP");
    const page = window.webview();
    await page.locator(".banner").getByText("failed before its first point").waitFor();
    assert.match(
      await page.locator(".banner .message").innerText(),
      /torn\.jsonl:2:\d+: not valid JSON/,
    );
    await page.getByRole("button", { name: "Try Again" }).waitFor();
    const failed = window.row("Runs", TITLE).filter({ hasText: "torn.jsonl:2" });
    await failed.click({ button: "right" });
    // A menu that has just opened takes no click, lest the one that opened it counts.
    await window.page.waitForTimeout(600);
    await window.page.getByRole("menuitem", { name: "Delete Interpolation…" }).click();
    await window.page.locator(".monaco-dialog-box").getByRole("button", { name: "Delete" }).click();
    await failed.waitFor({ state: "detached" });
    assert.equal(readdirSync(path.join(session.workspace, ".retune/interpolations")).length, 1);
  });
});
