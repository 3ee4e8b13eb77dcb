// What cannot fit into memory is asked about before it starts, in `hugeWorkspace`.
import assert from "node:assert/strict";
import path from "node:path";
import { setup, suite, teardown, test } from "mocha";
import * as vscode from "vscode";
import { retune, workspaceFolder } from "./support/extension.ts";
import { Messages } from "./support/messages.ts";
import { activeFile, closeEverything } from "./support/window.ts";

suite("budget", () => {
  let messages: Messages;
  setup(() => {
    messages = new Messages();
  });
  teardown(async () => {
    messages.dispose();
    await closeEverything();
  });

  test("a run that is predicted not to fit is asked about; Edit Recipe opens it instead", async () => {
    messages.answer(/predicted to take/, "Edit Recipe");
    const recipe = vscode.Uri.file(path.join(workspaceFolder(), "huge.retune.json"));
    const started = await vscode.commands.executeCommand("retune.startRunFromRecipe", recipe);
    assert.equal(started, undefined);
    const { severity, text, buttons } = await messages.next(/predicted to take/);
    assert.equal(severity, "warning");
    // 43 billion parameters: weights, gradients and AdamW's moments in float32.
    assert.match(text, /^This run is predicted to take (\d{3} GB|[\d.]+ TB); [\d.]+ GB are free/);
    assert.deepEqual(buttons, ["Start Anyway", "Edit Recipe"]);
    await activeFile("huge.retune.json");
    const { store } = await retune();
    await store.refresh();
    assert.equal(store.runs().length, 0);
  });
});
