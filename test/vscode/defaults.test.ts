// "Start now" of Start Run…, on the samples: every method from click to finished, and what the settings
// that it chose come to.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import path from "node:path";
import { suite, test } from "mocha";
import * as vscode from "vscode";
import type { Run } from "../../src/run-folder/run.ts";
import { methodChoices } from "../../src/ui/recipes/method-choices.ts";
import { retuneExtension, runThat, workspaceFolder } from "./support/extension.ts";
import type { Messages } from "./support/messages.ts";
import type { QuickInput } from "./support/quick-input.ts";
import { eachTest } from "./support/user.ts";

const METHOD_CHOICES = methodChoices();

const FILES = ["dictionary", "few-dictionary", "few-topics", "topics"];
const RUN_LIMIT_MS = 180_000;
/** One of six labels is right by chance. */
const CHANCE = 1 / 6;

suite("defaults", () => {
  let messages: Messages;
  let input: QuickInput;
  eachTest((user) => ({ messages, input } = user));

  /** From click to the end of the run; undefined when nothing was started. */
  async function finished(
    label: string,
    data: string,
    { isRefused = false } = {},
  ): Promise<Run | undefined> {
    const started = vscode.commands.executeCommand<string>("retune.startRun");
    await input.accept(METHOD_CHOICES.findIndex((method) => method.label === label));
    await input.accept();
    await input.accept(FILES.indexOf(data));
    if (isRefused) {
      assert.equal(await started, undefined);
      return undefined;
    }
    await input.accept();
    await input.accept();
    const runDir = await started;
    assert.ok(runDir, JSON.stringify(messages.seen));
    return runThat(runDir, ({ status }) => ["finished", "failed"].includes(status), RUN_LIMIT_MS);
  }

  for (const { label, recipe } of METHOD_CHOICES) {
    test(`${label} runs to its end on rows with labels`, async () => {
      const run = await finished(label, "few-topics");
      assert.equal(run?.status, "finished", JSON.stringify(run?.state ?? messages.seen));
    });
    const labels = recipe.objective?.type === "classification";
    test(`${label} ${labels ? "asks for labels" : "runs to its end"} on conversations`, async () => {
      const run = await finished(label, "few-dictionary", { isRefused: labels });
      if (!labels) {
        assert.equal(run?.status, "finished", JSON.stringify(run?.state ?? messages.seen));
        return;
      }
      await messages.next(/labels rows, and those of .*few-dictionary-train\.jsonl have no label/);
    });
  }

  test("LoRA changes the answer, also to a question that it was not trained on", async function () {
    this.timeout(RUN_LIMIT_MS);
    const run = await finished("LoRA", "dictionary");
    assert.equal(run?.status, "finished", JSON.stringify(run?.state));
    const answer = (...more: string[]): string =>
      execFileSync(
        process.execPath,
        [
          path.join(retuneExtension().extensionPath, "dist/cli.cjs"),
          "generate",
          path.join(workspaceFolder(), "models/retune-tiny"),
          "--prompt=What is a river?",
          "--max-tokens=40",
          ...more,
        ],
        { encoding: "utf8", env: { ...process.env, ELECTRON_RUN_AS_NODE: "1" } },
      );
    assert.match(answer(), /^A river is /);
    assert.match(answer("--adapter", path.join(run.dir, "adapter")), /^In a word: /);
  });

  test("LoRA labels six topics far above chance", async function () {
    this.timeout(RUN_LIMIT_MS);
    const run = await finished("LoRA", "topics");
    assert.equal(run?.status, "finished", JSON.stringify(run?.state));
    const { evalAccuracy = 0 } = run.state ?? {};
    assert.ok(evalAccuracy > 2.5 * CHANCE, `accuracy ${evalAccuracy}`);
  });
});
