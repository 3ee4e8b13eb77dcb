// Freeze Layers… as a person meets it: real checkboxes, the view that comes and goes. The tests share
// one window and build on each other.
import assert from "node:assert/strict";
import { after, afterEach, before, suite, test } from "node:test";
import type { Locator } from "playwright-core";
import { until } from "../vscode/support/until.ts";
import { tinyWorkspace } from "../vscode/support/workspaces.ts";
import { openSession, type Session } from "./session.ts";
import type { Workbench } from "./workbench.ts";

const VIEW = "Layers of quick";
const ROWS_SETTLE_MS = 1_000;

suite("the layers of a recipe", { concurrency: false }, () => {
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

  const box = (label: string | RegExp): Locator =>
    window.row(VIEW, label).locator(".custom-view-tree-node-item-checkbox");
  /** A row that is drawn anew between press and release takes no click: it is clicked until its box has turned. */
  const clickBox = async (label: RegExp): Promise<void> => {
    await window.row(VIEW, label).waitFor();
    await window.page.waitForTimeout(ROWS_SETTLE_MS);
    const isChecked = () => box(label).getAttribute("aria-checked");
    const before = await isChecked();
    const turned = async (): Promise<true | undefined> => {
      if ((await isChecked()) === before) await box(label).click();
      await window.page.waitForTimeout(ROWS_SETTLE_MS);
      return (await isChecked()) === before ? undefined : true;
    };
    await until(turned, { limitMs: 60_000, what: () => `a click on ${label}` });
  };
  const open = (label: string | RegExp) =>
    window.row(VIEW, label).locator(".monaco-tl-twistie").click();
  const message = () => window.view(VIEW).locator(".message");

  async function says(place: Locator, text: string | RegExp): Promise<void> {
    await place.filter({ hasText: text }).waitFor();
  }

  async function editorSays(text: RegExp): Promise<void> {
    const look = async () => (text.test(await window.editorText()) ? true : undefined);
    let last = "";
    await until(look, { what: () => `${text} in ${last}` }).catch(async (error: unknown) => {
      last = await window.editorText();
      throw new Error(`${String(error)}: ${last}`);
    });
  }

  test("there is no view of layers before it is asked for", async () => {
    await window.row("Base Models", /^tiny$/).waitFor();
    assert.equal(await window.view(VIEW).count(), 0);
  });

  test("a click above a recipe shows its layers", async () => {
    await window.openFile("quick.retune.json");
    await window.codeLens("Freeze Layers…").click();
    await says(message(), "Adapter on 14 of 14 layers");
    assert.equal(await window.view(VIEW).locator(".monaco-list-row").count(), 3);
    // The whole side bar is its own: thirty blocks have room.
    const { height = 0 } = (await window.view(VIEW).boundingBox()) ?? {};
    assert.ok(height > 600, `${height} pixels`);
    const names = await window
      .view(VIEW)
      .getByRole("checkbox")
      .evaluateAll((boxes) => boxes.map((each) => each.getAttribute("aria-label")));
    assert.deepEqual(names, ["Train model.layers.0: Trained", "Train model.layers.1: Trained"]);
  });

  test("a click on a box ticks all below it, and writes the recipe", async () => {
    await clickBox(/^Block 0$/);
    await says(message(), "Adapter on 7 of 14 layers");
    await editorSays(/"trainLast": 1,/);
    await open(/^Block 0$/);
    await open(/^MLP$/);
    await clickBox(/^gate_proj$/);
    await says(window.row(VIEW, /^Block 0$/), "1 of 7 trained");
    await says(window.row(VIEW, /^MLP$/), "1 of 3 trained");
    const ticked = async (label: RegExp) => box(label).getAttribute("aria-checked");
    assert.equal(await ticked(/^gate_proj$/), "true");
    assert.equal(await ticked(/^Block 0$/), "false");
    await clickBox(/^Block 0$/);
    await says(message(), "Adapter on 14 of 14 layers");
    assert.equal(await ticked(/^up_proj$/), "true");
  });

  test("undo in the editor takes the ticks back", async () => {
    await window.page.locator(".editor-group-container.active .view-lines").first().click();
    await window.page.keyboard.press("Control+Z");
    await says(window.row(VIEW, /^Block 0$/), "1 of 7 trained");
  });

  test("closing the recipe closes the view", async () => {
    await window.command("View: Revert and Close Editor");
    await window.view(VIEW).waitFor({ state: "detached" });
    // What was beside it is there again.
    await window.row("Base Models", /^tiny$/).waitFor();
  });
});
