// Evaluate…, in the workspace of `historyWorkspace`: a model, and the adapter of a finished run.
import assert from "node:assert/strict";
import { readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { suite, test } from "mocha";
import * as vscode from "vscode";
import { evaluationTableSchema, type EvaluationResult } from "../../src/protocol/evaluation.ts";
import { RunsTree } from "../../src/ui/views/runs-tree.ts";
import { retune, workspaceFolder } from "./support/extension.ts";
import type { Messages } from "./support/messages.ts";
import type { QuickInput } from "./support/quick-input.ts";
import { eachTest } from "./support/user.ts";
import { isWebview, tabNamed } from "./support/window.ts";

const run = <T>(command: string, ...args: unknown[]) =>
  vscode.commands.executeCommand<T>(`retune.${command}`, ...args);

async function exported(file: string, format: "csv" | "json"): Promise<string> {
  // A table in the workspace would be data to evaluate on.
  const target = path.join(tmpdir(), `retune-table-${process.pid}.${format}`);
  assert.equal(await run("exportEvaluation", { file, format, target }), target);
  const text = readFileSync(target, "utf8");
  rmSync(target);
  return text;
}

async function results(file: string): Promise<EvaluationResult[]> {
  return evaluationTableSchema.parse(JSON.parse(await exported(file, "json"))).results;
}

suite("evaluate", () => {
  let messages: Messages;
  let input: QuickInput;
  eachTest((user) => ({ messages, input } = user));

  test("an adapter stands beside its base, and the table is exported", async () => {
    const { adapters } = await retune();
    const [adapter] = (await adapters.entries()).filter(({ label }) => label === "run-finished");
    assert.ok(adapter);
    const evaluated = run<string>("evaluate", { kind: "adapter", adapter });
    // data/train.jsonl, data/eval.jsonl
    await input.toggle(0, 1);
    const file = await evaluated;
    assert.ok(isWebview(await tabNamed("2 models on 2 files"), "retune.evaluation"));
    const found = await results(file);
    assert.deepEqual(
      found.map(({ model, data }) => [model, data]),
      ["tiny", "tiny + run-finished"].flatMap((model) => [
        [model, "data/train"],
        [model, "data/eval"],
      ]),
    );
    assert.equal(found[0]?.rows, 32);
    assert.notEqual(found[0]?.loss, found[2]?.loss);
    const [head, ...lines] = (await exported(file, "csv")).trimEnd().split("\r\n");
    assert.match(head ?? "", /^model,data,loss,perplexity,accuracy,/);
    assert.equal(lines.length, 4);
    assert.ok(lines[3]?.startsWith(`tiny + run-finished,data/eval,${found[3]?.loss},`), lines[3]);
    assert.deepEqual(messages.seen, []);
  });

  test("models are picked side by side; Escape evaluates nothing", async () => {
    const { adapters, models } = await retune();
    // Other suites of this window may have added models.
    const rows = [...(await adapters.entries()), ...(await models.entries())]
      .filter(({ summary }) => summary !== undefined)
      .map(({ label }) => label);
    const evaluated = run<string>("evaluate");
    await input.toggle(rows.indexOf("tiny"));
    await input.toggle(1);
    const found = await results(await evaluated);
    assert.deepEqual(
      found.map(({ model, data, rows }) => [model, data, rows]),
      [["tiny", "data/eval", 8]],
    );
    await tabNamed("tiny on data/eval");
    const left = run<string>("evaluate");
    await input.cancel();
    assert.equal(await left, undefined);
  });

  test("an evaluation is kept: its row opens it after its tab was closed, and deletes it", async () => {
    const { store, interpolations, evaluations } = await retune();
    const tree = new RunsTree({ store, interpolations, evaluations });
    const groups = await tree.getChildren();
    const rows = (await Promise.all(groups.map((group) => tree.getChildren(group)))).flat();
    const kept = rows.filter((row) => row.kind === "evaluation");
    // Newest first.
    assert.deepEqual(
      kept.map(({ evaluation }) => evaluation.name),
      ["tiny on data/eval", "2 models on 2 files"],
    );
    const [newest] = kept;
    assert.ok(newest);
    await run("openEvaluation", newest);
    await run("openEvaluation", newest.evaluation.file);
    assert.ok(isWebview(await tabNamed("tiny on data/eval"), "retune.evaluation"));
    const tabs = vscode.window.tabGroups.all.flatMap((group) => group.tabs);
    assert.equal(tabs.length, 1);
    messages.answer(/^Delete the evaluation tiny-on-data-eval/, "Delete");
    await run("deleteEvaluation", newest);
    assert.deepEqual(
      (await evaluations.entries()).map(({ name }) => name),
      ["2 models on 2 files"],
    );
    tree.dispose();
  });

  test("an evaluation whose file is gone says what to do", async () => {
    await run("exportEvaluation", {
      file: path.join(workspaceFolder(), "gone.json"),
      format: "csv",
    });
    const { severity } = await messages.next(/gone\.json: .* is missing; run Evaluate… again/);
    assert.equal(severity, "error");
  });
});
