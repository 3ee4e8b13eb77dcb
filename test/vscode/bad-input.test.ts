// Broken recipes and files, in `brokenWorkspace`: one clear line each, and nothing half-written.
import assert from "node:assert/strict";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setup, suite, teardown, test } from "mocha";
import * as vscode from "vscode";
import { retune, runThat, workspaceFolder } from "./support/extension.ts";
import { Messages } from "./support/messages.ts";
import { activeFile, closeEverything } from "./support/window.ts";

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

  const start = (recipe: string) =>
    vscode.commands.executeCommand<string | undefined>(
      "retune.startRunFromRecipe",
      vscode.Uri.file(path.join(workspaceFolder(), `${recipe}.retune.json`)),
    );

  for (const { recipe, statement, names } of CASES) {
    test(`${statement}, and no run is made of it`, async () => {
      assert.equal(await start(recipe), undefined);
      const { text, severity } = await messages.next(names[0]!);
      assert.equal(severity, "error");
      for (const name of names) assert.match(text, name);
      assert.doesNotMatch(text, /\n|undefined|\[object|at .*:\d+:\d+/, "one line, no stack");
      assert.deepEqual(runFolders(), []);
      const { store } = await retune();
      await store.refresh();
      assert.deepEqual(store.runs(), []);
    });
  }

  test("a refused row is one click away, at its column", async () => {
    messages.answer(/broken-row\.jsonl:2:\d+: not valid JSON/, "Open Line 2");
    await start("broken-row");
    await activeFile("broken-row.jsonl");
    const { active } = vscode.window.activeTextEditor!.selection;
    // `{"prompt":"a","completion":` ends where a value should be.
    assert.deepEqual([active.line, active.character], [1, 27]);
    const { buttons } = await messages.next(/broken-row\.jsonl/);
    assert.deepEqual(buttons, ["Open Line 2", "Show Output"]);
  });

  test("a refused key of the recipe is one click away", async () => {
    messages.answer(/unknown-key\.retune\.json:\d+: learning_rate/, "Open Line 6");
    await start("unknown-key");
    const document = await activeFile("unknown-key.retune.json");
    const { line } = vscode.window.activeTextEditor!.selection.active;
    assert.match(document.lineAt(line).text, /learning_rate/);
  });

  test("data that broke while the run waited: its failure opens the line", async () => {
    const data = path.join(workspaceFolder(), "data/later.jsonl");
    const row = '{"prompt":"a","completion":"b"}\n';
    writeFileSync(data, row.repeat(4));
    const train = { train: "data/later.jsonl", maxLength: 64 };
    const recipe = { name: "later", base: "models/tiny", data: train };
    writeFileSync(path.join(workspaceFolder(), "later.retune.json"), JSON.stringify(recipe));
    const long = await start("long");
    assert.ok(long, JSON.stringify(messages.seen));
    await runThat(long, ({ status }) => status === "running");
    const later = await start("later");
    assert.ok(later, JSON.stringify(messages.seen));
    await runThat(later, ({ status }) => status === "queued");
    writeFileSync(data, `${row}${row}{"prompt":"a"}\n`);
    messages.answer(/^later failed/, "Open Line 3");
    await vscode.commands.executeCommand("retune.stopRun", long);
    await assertFailed(later, [/later\.jsonl:3: /]);
    const { buttons } = await messages.next(/^later failed: data\/later\.jsonl:3: /);
    assert.deepEqual(buttons, ["Open Line 3", "Show Log", "Open"]);
    await activeFile("later.jsonl");
    assert.equal(vscode.window.activeTextEditor!.selection.active.line, 2);
  });
});

function runFolders(): string[] {
  const runs = path.join(workspaceFolder(), ".retune/runs");
  return existsSync(runs) ? readdirSync(runs) : [];
}

async function assertFailed(runDir: string, names: readonly RegExp[]): Promise<void> {
  const run = await runThat(runDir, ({ status }) => status === "failed");
  for (const name of names) assert.match(run.state?.message ?? "", name);
  const left = readdirSync(runDir).filter((name) => /adapter|checkpoints|tmp/.test(name));
  assert.deepEqual(left, [], "nothing half-written");
}
