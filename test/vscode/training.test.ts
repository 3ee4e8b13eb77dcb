// Whole runs of the training process, started as a person starts them, in `tinyWorkspace`.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { suite, test } from "mocha";
import { parse } from "jsonc-parser";
import * as vscode from "vscode";
import type { RecipeInput } from "../../src/protocol/recipe.ts";
import { metricSchema } from "../../src/protocol/run-folder.ts";
import { retune, runThat, workspaceFolder } from "./support/extension.ts";
import type { Messages } from "./support/messages.ts";
import type { QuickInput } from "./support/quick-input.ts";
import { until } from "./support/until.ts";
import { eachTest } from "./support/user.ts";
import { activeFile, isWebview, tabNamed } from "./support/window.ts";

const run = <T>(command: string, ...args: unknown[]) =>
  vscode.commands.executeCommand<T>(`retune.${command}`, ...args);

const file = (...parts: string[]) => path.join(workspaceFolder(), ...parts);
const recipe = (name: string) => vscode.Uri.file(file(`${name}.retune.json`));

function trainLosses(runDir: string): { step: number; loss: number }[] {
  const lines = readFileSync(path.join(runDir, "metrics.jsonl"), "utf8").trim().split("\n");
  return lines
    .map((line) => metricSchema.parse(JSON.parse(line)))
    .flatMap(({ step, loss }) => (loss === undefined ? [] : [{ step, loss }]));
}

function tensorNames(safetensors: string): string[] {
  const bytes = readFileSync(safetensors);
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString("utf8")) as object;
  return Object.keys(header).filter((name) => name !== "__metadata__");
}

suite("training", () => {
  let messages: Messages;
  let input: QuickInput;
  eachTest((user) => ({ messages, input } = user));

  test("a run from a recipe trains, its loss falls, and it leaves a PEFT adapter", async () => {
    const runDir = await run<string>("startRunFromRecipe", recipe("quick"));
    assert.ok(isWebview(await tabNamed("quick"), "retune.run"), "the run panel opens");
    const ended = await runThat(runDir, ({ status }) => status === "finished");
    assert.equal(ended.state?.step, 12);
    const losses = trainLosses(runDir);
    assert.equal(losses.length, 12);
    assert.ok(losses.at(-1)!.loss < losses[0]!.loss * 0.9, JSON.stringify(losses));
    const config = JSON.parse(
      readFileSync(path.join(runDir, "adapter/adapter_config.json"), "utf8"),
    ) as Record<string, unknown>;
    assert.equal(config["peft_type"], "LORA");
    assert.equal(config["r"], 4);
    const names = tensorNames(path.join(runDir, "adapter/adapter_model.safetensors"));
    // Two layers, seven linear layers each, A and B.
    assert.equal(names.length, 28);
    const { text, buttons } = await messages.next(/^quick finished/);
    assert.match(text, /loss/);
    assert.deepEqual(buttons, ["Open", "Generate…"]);
  });

  test("Start Run from Recipe without an argument asks which one", async () => {
    const started = run<string>("startRunFromRecipe");
    // long, quick
    await input.accept(1);
    const runDir = await started;
    const ended = await runThat(runDir, ({ status }) => status === "finished");
    // The first run of this recipe has the name already.
    assert.equal(ended.name, "quick-2");
  });

  test("the line above a recipe opens its last run", async () => {
    await vscode.window.showTextDocument(recipe("quick"));
    const lenses = await vscode.commands.executeCommand<vscode.CodeLens[]>(
      "vscode.executeCodeLensProvider",
      recipe("quick"),
    );
    const open = lenses.find((lens) => lens.command?.command === "retune.openRun")?.command;
    assert.match(open?.title ?? "", /Open Last Run \(finished\)/);
    await run("openRun", ...(open?.arguments ?? []));
    assert.ok(isWebview(await tabNamed("quick-2"), "retune.run"));
  });

  test("Start Run asks for method, base, data and name, and starts", async () => {
    const started = run<string>("startRun");
    // LoRA: what most begin with comes first.
    await input.accept();
    await input.accept();
    // train.jsonl: files for evaluation come last.
    await input.accept();
    await input.accept();
    await input.accept();
    const runDir = await started;
    assert.ok(runDir, JSON.stringify(messages.seen));
    const ended = await runThat(runDir, ({ status }) => status === "finished");
    assert.equal(ended.name, "tiny-lora-train");
    assert.equal(ended.hasAdapter, true);
    assert.ok(readdirSync(workspaceFolder()).includes("tiny-lora-train.retune.json"));
  });

  test("Start Run can write the recipe for editing instead", async () => {
    const started = run<string>("startRun");
    await input.accept(3);
    await input.accept();
    await input.accept();
    await input.accept();
    await input.accept(1);
    assert.equal(await started, undefined);
    const document = await activeFile("tiny-loreft-train.retune.json");
    const written = parse(document.getText()) as RecipeInput;
    assert.equal(written.base, "models/tiny");
    assert.equal(written.method?.type, "loreft");
    assert.equal(
      written.optimizer?.learningRate,
      3e-2,
      "each method has a rate of its own, by the size of the base",
    );
    assert.equal(written.data.eval, "data/eval.jsonl", "rows for evaluation lie beside");
    assert.equal(written.data.maxLength, 256, "no longer than the base model takes");
  });

  test("leaving the questions starts nothing", async () => {
    const { store } = await retune();
    const before = store.runs().length;
    const started = run<string>("startRun");
    await input.accept();
    await input.cancel();
    assert.equal(await started, undefined);
    await store.refresh();
    assert.equal(store.runs().length, before);
  });

  test("Stop ends a run with a checkpoint and an adapter; Resume goes on after it", async () => {
    const runDir = await run<string>("startRunFromRecipe", recipe("long"));
    await runThat(runDir, ({ state }) => (state?.step ?? 0) >= 3);
    await run("stopRun", runDir);
    const stopped = await runThat(runDir, ({ status }) => status === "stopped");
    assert.equal(stopped.hasCheckpoint, true);
    assert.equal(stopped.hasAdapter, true);
    const at = stopped.state?.step ?? 0;
    await messages.next(/^long stopped/);

    await run("resumeRun", runDir);
    await runThat(runDir, ({ status, state }) => status === "running" && (state?.step ?? 0) > at);
    const steps = trainLosses(runDir).map(({ step }) => step);
    assert.deepEqual(
      steps,
      steps.map((_, index) => index + 1),
      "each step once, none lost",
    );
    await run("stopRun", runDir);
    await runThat(runDir, ({ status }) => status === "stopped");
  });

  test("a killed training process shows as interrupted, and Resume continues", async () => {
    const runDir = await run<string>("startRunFromRecipe", recipe("long"));
    const alive = await runThat(
      runDir,
      ({ state, hasCheckpoint }) => (state?.step ?? 0) >= 6 && hasCheckpoint,
    );
    process.kill(alive.state!.process!.pid, "SIGKILL");
    await runThat(runDir, ({ status }) => status === "interrupted");
    const { buttons } = await messages.next(/^long-2 was interrupted/);
    assert.ok(buttons.includes("Resume"));

    await run("resumeRun", runDir);
    await runThat(runDir, ({ status, state }) => status === "running" && (state?.step ?? 0) >= 8);
    await run("stopRun", runDir);
    await runThat(runDir, ({ status }) => status === "stopped");
  });

  test("a second run waits for the first and then starts", async () => {
    const first = await run<string>("startRunFromRecipe", recipe("long"));
    await runThat(first, ({ status }) => status === "running");
    const second = await run<string>("startRunFromRecipe", recipe("quick"));
    await messages.next(/^quick-3 waits/);
    await runThat(second, ({ status }) => status === "queued");
    await run("stopRun", first);
    await runThat(first, ({ status }) => status === "stopped");
    await runThat(second, ({ status }) => status === "finished");
  });

  test("Generate streams an answer into a document", async () => {
    const { store } = await retune();
    const trained = store.runs().find(({ hasAdapter }) => hasAdapter);
    assert.ok(trained);
    const asked = run("generate", trained.dir);
    await input.enter("Say 1");
    await asked;
    const written = await until(
      () =>
        vscode.workspace.textDocuments.find(
          (document) =>
            document.uri.scheme === "retune-generated" && /\n\n./.test(document.getText()),
        ),
      { what: () => "the generated text" },
    );
    assert.match(written.getText(), /^> Say 1\n\n[^\n]/);
    assert.deepEqual(
      messages.seen.filter(({ severity }) => severity === "error"),
      [],
    );
  });

  test("Merge Adapter into Base writes a model that the tree then shows", async () => {
    const { store, models } = await retune();
    const trained = store.runs().find(({ hasAdapter }) => hasAdapter);
    assert.ok(trained);
    const merging = run<string>("mergeAdapter", trained.dir);
    await input.accept();
    const out = await merging;
    assert.ok(out, JSON.stringify(messages.seen));
    assert.ok(readdirSync(out).includes("config.json"));
    assert.equal(tensorNames(path.join(out, "model.safetensors")).length, 20);
    await messages.next(/^Merged/);
    assert.ok((await models.entries()).some((model) => model.path === out && model.summary));
  });
});
