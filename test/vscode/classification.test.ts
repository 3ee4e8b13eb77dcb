// Rows with labels, from Start Run… to a classifier, in `labelledWorkspace`.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { suite, test } from "mocha";
import { parse } from "jsonc-parser";
import * as vscode from "vscode";
import { evaluationSchema } from "../../src/protocol/evaluation.ts";
import type { RecipeInput } from "../../src/protocol/recipe.ts";
import { methodChoices } from "../../src/ui/recipes/method-choices.ts";
import { runAbilities } from "../../src/ui/views/abilities.ts";
import { retune, runThat, workspaceFolder } from "./support/extension.ts";
import type { Messages } from "./support/messages.ts";
import type { QuickInput } from "./support/quick-input.ts";
import { until } from "./support/until.ts";
import { eachTest } from "./support/user.ts";
import { isWebview, tabNamed } from "./support/window.ts";

const METHOD_CHOICES = methodChoices();

const run = <T>(command: string, ...args: unknown[]) =>
  vscode.commands.executeCommand<T>(`retune.${command}`, ...args);

const choice = (label: string): number =>
  METHOD_CHOICES.findIndex((method) => method.label === label);

suite("classification", () => {
  let messages: Messages;
  let input: QuickInput;
  eachTest((user) => ({ messages, input } = user));

  /** train-labels.jsonl stands before train.jsonl. */
  const LABELLED = 0;

  test("Start Run sees the labels: LoRA becomes a classifier, with its confusion matrix", async () => {
    const started = run<string>("startRun");
    await input.accept(choice("LoRA"));
    await input.accept();
    await input.accept(LABELLED);
    await input.accept();
    await input.accept();
    const runDir = await started;
    assert.ok(runDir, JSON.stringify(messages.seen));
    const ended = await runThat(runDir, ({ status }) => status === "finished");
    assert.equal(ended.hasAdapter, true);
    const text = readFileSync(
      path.join(workspaceFolder(), "tiny-lora-train-labels.retune.json"),
      "utf8",
    );
    const recipe = parse(text) as RecipeInput;
    assert.deepEqual(recipe.objective, { type: "classification" });
    assert.ok(isWebview(await tabNamed("tiny-lora-train-labels"), "retune.run"));
    const file = path.join(runDir, "evaluation.json");
    const evaluation = evaluationSchema.parse(JSON.parse(readFileSync(file, "utf8")));
    assert.ok(evaluation.problem === "single-label");
    assert.deepEqual(
      evaluation.scores.map(({ label }) => label),
      ["sum", "word"],
    );
    const counted = evaluation.confusion!.flat().reduce((a, b) => a + b, 0);
    assert.equal(counted, evaluation.rows);
    const { text: said, buttons } = await messages.next(/^tiny-lora-train-labels finished/);
    assert.match(said, /accuracy \d+\.\d %/);
    // A classifier writes no text.
    assert.deepEqual(buttons, ["Open", "Classify Text…"]);
    await run("generate", runDir);
    await messages.next(/labels text: it has no head to write it with; "Classify Text…" asks it/);
  });

  test("Classify Text shows labels with their probabilities, the given one bold", async () => {
    const { store, adapters } = await retune();
    const trained = store.runs().find(({ hasAdapter }) => hasAdapter);
    assert.ok(trained);
    assert.ok(runAbilities(trained).includes("labelsText"));
    assert.ok(!runAbilities(trained).includes("writesText"));
    const asked = run("classify", trained.dir);
    await input.enter("7 plus 10");
    await asked;
    assert.deepEqual(labelsOf(await transcriptWith(/^> 7 plus 10\n\n- /)), ["sum", "word"]);
    // The row of its adapter answers the same.
    const adapter = (await adapters.entries()).find(({ runDir }) => runDir === trained.dir);
    assert.equal(adapter?.summary?.labels, 2);
    const again = run("classify", { kind: "adapter", adapter });
    await input.enter("the word abc");
    await again;
    const text = await transcriptWith(/> the word abc\n\n- /);
    assert.deepEqual(labelsOf(text.slice(text.indexOf("> the word"))), ["sum", "word"]);
    assert.deepEqual(
      messages.seen.filter(({ severity }) => severity === "error"),
      [],
    );
  });

  test("Generate offers no classifier, Classify Text nothing else", async () => {
    const { adapters, models } = await retune();
    const labelling = (await adapters.entries()).filter(({ summary }) => summary?.labels);
    assert.ok(labelling.length > 0);
    const offered = async (command: string): Promise<string[]> => {
      const asked = run(command);
      await input.cancel();
      await asked;
      const { items } = input.shown.at(-1) as vscode.QuickPick<vscode.QuickPickItem>;
      return items.flatMap(({ kind, label }) =>
        kind === vscode.QuickPickItemKind.Separator ? [] : [label],
      );
    };
    const writing = (await models.entries()).filter(({ summary }) => summary && !summary.labels);
    assert.deepEqual(
      (await offered("generate")).toSorted(),
      writing.map(({ label }) => label).toSorted(),
    );
    assert.deepEqual(
      await offered("classify"),
      labelling.map(({ label }) => label),
    );
    await run("classify", { kind: "model", model: writing[0] });
    await messages.next(/writes text: it has no head to label it with/);
  });

  test("a linear probe is one choice, and trains its head alone", async () => {
    const started = run<string>("startRun");
    await input.accept(choice("Head"));
    await input.accept();
    await input.accept(LABELLED);
    await input.accept();
    await input.accept();
    const runDir = await started;
    assert.ok(runDir, JSON.stringify(messages.seen));
    const ended = await runThat(runDir, ({ status }) => status === "finished");
    assert.equal(ended.hasModel, true);
    assert.equal(ended.recipe?.method.type, "head");
    assert.ok((ended.state?.evalAccuracy ?? 0) > 0.4, String(ended.state?.evalAccuracy));
  });

  test("virtual tokens learn beside the head, and the adapter keeps both", async () => {
    const started = run<string>("startRun");
    await input.accept(choice("Prompt tuning"));
    await input.accept();
    await input.accept(LABELLED);
    await input.accept();
    await input.accept();
    const runDir = await started;
    assert.ok(runDir, JSON.stringify(messages.seen));
    const ended = await runThat(runDir, ({ status }) => status === "finished");
    assert.equal(ended.hasAdapter, true);
    const kept = readdirSync(path.join(runDir, "adapter"));
    assert.ok(kept.includes("classifier.json"), kept.join());
    assert.deepEqual(ended.recipe?.objective.type, "classification");
  });

  test("what does not go together is said in a line, and nothing is written", async () => {
    const refused = async (label: string, data: number, message: RegExp): Promise<void> => {
      const started = run("startRun");
      await input.accept(choice(label));
      await input.accept();
      await input.accept(data);
      assert.equal(await started, undefined);
      await messages.next(message);
    };
    const before = readdirSync(workspaceFolder());
    await refused("Head", LABELLED + 1, /those of .*train\.jsonl have no label/);
    assert.deepEqual(readdirSync(workspaceFolder()), before);
  });
});

/** The labels of a transcript, in any order. */
function labelsOf(text: string): string[] {
  const lines = [...text.matchAll(/^- (\d+\.\d) % (\**)(\w+)\2$/gmu)];
  const sum = lines.reduce((total, [, percent]) => total + Number(percent), 0);
  assert.ok(Math.abs(sum - 100) < 0.2, text);
  assert.ok(Number(lines[0]?.[1]) >= 50 && lines[0]?.[2] === "**", text);
  return lines.map(([, , , label]) => label ?? "").toSorted();
}

async function transcriptWith(pattern: RegExp): Promise<string> {
  return until(
    () =>
      vscode.workspace.textDocuments
        .filter(({ uri }) => uri.scheme === "retune-generated")
        .map((document) => document.getText())
        .find((text) => pattern.test(text)),
    { what: () => `a transcript with ${pattern}` },
  );
}
