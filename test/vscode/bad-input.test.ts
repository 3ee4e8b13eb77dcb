// Broken recipes and files, in `brokenWorkspace`: one clear line each, and nothing half-written.
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { setup, suite, teardown, test } from "mocha";
import * as vscode from "vscode";
import { retune, runThat, workspaceFolder } from "./support/extension.ts";
import { Messages } from "./support/messages.ts";
import { closeEverything } from "./support/window.ts";

interface Case {
  recipe: string;
  statement: string;
  /** What the one line must name. */
  names: readonly RegExp[];
}

const CASES: readonly Case[] = [
  {
    recipe: "not-json",
    statement: "a recipe that is not JSON is refused by line",
    names: [/not-json\.retune\.json/, /line 1|1:/],
  },
  {
    recipe: "unknown-key",
    statement: "an unknown key is refused by name",
    names: [/unknown-key\.retune\.json/, /learning_rate/],
  },
  {
    recipe: "wrong-type",
    statement: "a value of the wrong type is refused by key",
    names: [/wrong-type\.retune\.json/, /batchSize/],
  },
  {
    recipe: "missing-data",
    statement: "a missing data file is named",
    names: [/no-such-file\.jsonl/],
  },
  {
    recipe: "missing-base",
    statement: "a missing base model is named",
    names: [/no-such-model/],
  },
  {
    recipe: "broken-base",
    statement: "truncated safetensors are named",
    names: [/truncated\/model\.safetensors/],
  },
  {
    recipe: "lying-base",
    statement: "safetensors whose header lies about its length are named",
    names: [/lying\/model\.safetensors/],
  },
  {
    recipe: "broken-row",
    statement: "a broken row of the data is named by line",
    names: [/broken-row\.jsonl/, /line 2|:2/],
  },
];

suite("bad input", () => {
  let messages: Messages;
  setup(() => (messages = new Messages()));
  teardown(async () => {
    messages.dispose();
    await closeEverything();
  });

  for (const { recipe, statement, names } of CASES) {
    test(statement, async () => {
      await retune();
      const file = path.join(workspaceFolder(), `${recipe}.retune.json`);
      const runDir = await vscode.commands.executeCommand<string | undefined>(
        "retune.startRunFromRecipe",
        vscode.Uri.file(file),
      );
      // Refused at once, or found by the training process while it starts.
      if (runDir !== undefined) await assertFailed(runDir, names);
      const { text, severity } = await messages.next(names[0]!);
      assert.equal(severity, "error");
      for (const name of names) assert.match(text, name);
      assert.doesNotMatch(text, /\n|undefined|\[object|at .*:\d+:\d+/, "one line, no stack");
    });
  }

  test("a refused recipe leaves no run behind", async () => {
    const { store } = await retune();
    await store.refresh();
    const runs = path.join(workspaceFolder(), ".retune/runs");
    const left = existsSync(runs) ? readdirSync(runs) : [];
    const known = store.runs().map(({ id }) => id);
    assert.deepEqual(left.toSorted(), known.toSorted());
    for (const { id } of store.runs()) assert.doesNotMatch(id, /not-json|unknown-key|wrong-type/);
  });
});

async function assertFailed(runDir: string, names: readonly RegExp[]): Promise<void> {
  const run = await runThat(runDir, ({ status }) => status === "failed");
  for (const name of names) assert.match(run.state?.message ?? "", name);
  const left = readdirSync(runDir).filter((name) => /adapter|checkpoints|tmp/.test(name));
  assert.deepEqual(left, [], "nothing half-written");
}
