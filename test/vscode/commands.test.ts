// Every command that trains nothing, in the workspace of `historyWorkspace`.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setup, suite, suiteTeardown, test } from "mocha";
import * as vscode from "vscode";
import { retune, workspaceFolder } from "./support/extension.ts";
import type { Messages } from "./support/messages.ts";
import type { QuickInput } from "./support/quick-input.ts";
import { runRowText } from "../../src/ui/run-text.ts";
import { runAbilities } from "../../src/ui/views/abilities.ts";
import { libraryNames } from "../support/openvino-files.ts";
import { MADE_UP_RECIPE } from "../support/made-up-recipe.ts";
import { writeTinyLlama } from "../support/tiny-llama.ts";
import { until } from "./support/until.ts";
import { eachTest } from "./support/user.ts";
import { activeFile, isWebview, tabNamed } from "./support/window.ts";

const run = (command: string, ...args: unknown[]) =>
  vscode.commands.executeCommand(`retune.${command}`, ...args);
const runDir = (name: string) => path.join(workspaceFolder(), ".retune/runs", name);

/** Names of files that make a folder a runtime; Windows keeps the version inside them. */
function runtimeNames(): readonly string[] {
  const platform = process.platform === "darwin" ? "darwin" : "linux";
  return libraryNames(platform, "2641").all;
}

suite("commands", () => {
  let messages: Messages;
  let input: QuickInput;
  const elsewhere = mkdtempSync(path.join(tmpdir(), "retune-models-"));

  setup(async () => (await retune()).store.refresh());
  eachTest((user) => ({ messages, input } = user));
  suiteTeardown(() => rmSync(elsewhere, { recursive: true, force: true }));

  test("Open Run shows one panel for a run, however often it is asked", async () => {
    await run("openRun", runDir("run-finished"));
    const tab = await tabNamed("run-finished");
    assert.ok(isWebview(tab, "retune.run"));
    await run("openRun", runDir("run-finished"));
    const tabs = vscode.window.tabGroups.all.flatMap((group) => group.tabs);
    assert.equal(tabs.filter(({ label }) => label === "run-finished").length, 1);
  });

  test("Open Run without an argument asks which one", async () => {
    const opened = run("openRun");
    await input.accept();
    await opened;
    assert.ok(isWebview(await tabNamed(/^run-/), "retune.run"));
  });

  test("Show Recipe opens the recipe that the run really used", async () => {
    await run("showRecipe", runDir("run-finished"));
    const document = await activeFile("recipe.json");
    assert.equal(path.dirname(document.uri.fsPath), runDir("run-finished"));
  });

  test("Show Log opens the run's log", async () => {
    await run("showLog", runDir("run-failed"));
    const document = await activeFile("log.txt");
    assert.equal(path.dirname(document.uri.fsPath), runDir("run-failed"));
  });

  test("Copy Run Id puts the id on the clipboard", async () => {
    await run("copyRunId", runDir("run-failed"));
    assert.equal(await vscode.env.clipboard.readText(), "run-failed");
  });

  test("Copy Path puts the folder on the clipboard", async () => {
    const { store } = await retune();
    const dir = runDir("run-failed");
    await run("copyPath", { kind: "run", runDir: dir, run: store.get(dir) });
    assert.equal(await vscode.env.clipboard.readText(), dir);
  });

  test("Reveal of a run in the workspace reports no problem", async () => {
    const { store } = await retune();
    const dir = runDir("run-failed");
    await run("reveal", { kind: "run", runDir: dir, run: store.get(dir) });
    assert.deepEqual(messages.seen, []);
  });

  test("Reveal Adapter or Model shows what a run has made, and says when there is nothing", async () => {
    await run("revealRunOutput", runDir("run-finished"));
    assert.deepEqual(messages.seen, []);
    await run("revealRunOutput", runDir("run-failed"));
    await messages.next(/run-failed has no result yet/);
  });

  test("Generate on a run without a result says so", async () => {
    await run("generate", runDir("run-failed"));
    await messages.next(/run-failed has no adapter yet/);
  });

  test("Resume on a finished run says so", async () => {
    await run("resumeRun", runDir("run-finished"));
    await messages.next(/run-finished has finished/);
  });

  test("a run of another engine has its row and its panel; Resume and Generate say why they can't", async () => {
    const { store } = await retune();
    const dir = runDir("run-elsewhere");
    mkdirSync(path.join(dir, "adapter"), { recursive: true });
    const createdAt = "2026-11-20T10:00:00.000Z";
    const state = { status: "stopped", step: 5, totalSteps: 9, loss: 1.5, createdAt, costUsd: 2 };
    writeFileSync(path.join(dir, "state.json"), JSON.stringify(state));
    writeFileSync(path.join(dir, "recipe.json"), JSON.stringify(MADE_UP_RECIPE));
    try {
      await store.refresh();
      const found = store.get(dir);
      assert.ok(found);
      assert.match(runRowText(found), /^stopped at 5\/9 · loss 1\.500 · moe-lora · /);
      assert.deepEqual(runAbilities(found), ["deletable", "hasAdapter", "hasOutput"]);
      await run("openRun", dir);
      assert.ok(isWebview(await tabNamed("walk-to-three"), "retune.run"));
      await run("resumeRun", dir);
      await messages.next(/^walk-to-three can't be started: .*does not know engine "cloud"/);
      await run("generate", dir);
      await messages.next(/^walk-to-three: .*does not know engine "cloud"/);
    } finally {
      rmSync(dir, { recursive: true });
      await store.refresh();
    }
  });

  test("Show Output shows Retune's log", async () => {
    await run("showOutput");
    const isOutput = (editor: vscode.TextEditor) => editor.document.uri.scheme === "output";
    await until(() => vscode.window.visibleTextEditors.find(isOutput), {
      what: () => "an output editor",
    });
  });

  test("Add Model Folder finds the models in it, Remove takes them away again", async () => {
    writeTinyLlama(path.join(elsewhere, "added-model"));
    const { models } = await retune();
    const labels = async () => (await models.entries()).map(({ label }) => label);
    await run("addModelFolder", elsewhere);
    assert.ok((await labels()).includes("added-model"));
    const added = (await models.entries()).find(({ label }) => label === "added-model");
    await run("removeModelFolder", { kind: "model", model: added });
    assert.ok(!(await labels()).includes("added-model"));
    assert.ok(existsSync(path.join(elsewhere, "added-model/config.json")), "nothing is deleted");
  });

  test("Add Model Folder says when a folder holds no model", async () => {
    const empty = path.join(elsewhere, "added-model/no-such-folder");
    await run("addModelFolder", empty);
    await messages.next(/No base model lies in/);
    const configuration = vscode.workspace.getConfiguration("retune");
    await configuration.update("modelFolders", undefined, vscode.ConfigurationTarget.Global);
  });

  test("Install bfloat16 Runtime takes the one in the folder that the setting names", async () => {
    const libraries = path.join(elsewhere, "openvino/libs");
    mkdirSync(libraries, { recursive: true });
    for (const name of runtimeNames()) writeFileSync(path.join(libraries, name), "");
    const configuration = vscode.workspace.getConfiguration("retune");
    const name = (folder: string | undefined) =>
      configuration.update("openvinoFolder", folder, vscode.ConfigurationTarget.Global);
    await name(elsewhere);
    await run("installRuntime");
    await messages.next(/^OpenVINO 2026\.4\.1 is on this machine: .*nothing was fetched$/);
    await name(undefined);
    assert.equal(process.env["RETUNE_OPENVINO"], "off");
  });

  test("Refresh finds a model that has come", async () => {
    const { models } = await retune();
    const late = path.join(workspaceFolder(), "models/late");
    await models.entries();
    writeTinyLlama(late);
    await run("refresh");
    assert.ok((await models.entries()).some(({ label }) => label === "late"));
    rmSync(late, { recursive: true });
  });

  test("Stop says that no run is active", async () => {
    await run("stopRun");
    await messages.next(/No run is active/);
  });

  test("Delete asks, and keeps the run when the answer is no", async () => {
    messages.answer(/^Delete run/, "Cancel");
    await run("deleteRun", runDir("run-gone"));
    const asked = await messages.next(/^Delete run "run-gone"/);
    assert.deepEqual(asked.buttons, ["Delete"]);
    assert.ok(existsSync(runDir("run-gone")));
  });

  test("Delete removes the run's folder and its row", async () => {
    messages.answer(/^Delete run/, "Delete");
    await run("deleteRun", runDir("run-gone"));
    assert.ok(!existsSync(runDir("run-gone")));
    const { store } = await retune();
    assert.equal(store.get(runDir("run-gone")), undefined);
  });

  test("a command on a folder that is no run says so", async () => {
    await run("openRun", path.join(workspaceFolder(), "data"));
    const { severity } = await messages.next(/data is not a run folder/);
    assert.equal(severity, "error");
  });
});
