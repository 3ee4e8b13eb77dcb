/** What reaches a terminal, and what happens when nobody reads. */
import assert from "node:assert/strict";
import { readFileSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  makeRun,
  readState,
  retune,
  startRetune,
  startTrainer,
  tinyWorkspace,
  writeRecipe,
} from "../support/retune.ts";

const UNSAFE = /(?![\t\n])\p{Cc}|[\u202a-\u202e\u2066-\u2069]/u;

test("a command whose reader has gone ends quietly", async (t) => {
  const dir = tinyWorkspace(t);
  for (const args of [
    ["inspect", path.join(dir, "model")],
    ["--help"],
    ["generate", path.join(dir, "model"), "--prompt", "a", "--max-tokens", "40"],
  ]) {
    const { child, finished } = await startRetune(...args);
    child.stdout?.destroy();
    const { code, stderr } = await finished;
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(stderr, /EPIPE|Error|\n\s+at /u);
  }
});

test("a run trains on when nobody reads what it says", async (t) => {
  const dir = tinyWorkspace(t);
  const recipe = writeRecipe(dir, { maxSteps: 2 });
  const runDir = path.join(dir, "run");
  const { child, finished } = await startRetune("train", recipe, "--json", "--run-dir", runDir);
  child.stdout?.destroy();
  child.stderr?.destroy();
  assert.equal((await finished).code, 0);
  assert.match(readFileSync(path.join(runDir, "state.json"), "utf8"), /"status": ?"finished"/u);
});

test("a detached trainer whose reader has gone ends by what it found, not by its last words", async (t) => {
  const dir = tinyWorkspace(t);
  const gone = async (runDir: string): Promise<number | null> => {
    const { child, finished } = await startTrainer(runDir);
    child.stdout?.destroy();
    child.stderr?.destroy();
    return (await finished).code;
  };
  assert.equal(await gone(path.join(dir, "no-run")), 2);
  const run = await makeRun(dir, { maxSteps: 2 });
  assert.equal(await gone(run), 0);
  assert.equal(readState(run).status, "finished");
});

test("escape sequences of files are seen, not obeyed", async (t) => {
  const dir = tinyWorkspace(t);
  const escape = "\u001b[2J\u001b]0;title\u0007\u009b31m\u202e";
  const named = path.join(dir, `data${escape}.jsonl`);
  renameSync(path.join(dir, "data.jsonl"), named);
  const inspected = await retune("inspect", named);
  assert.equal(inspected.code, 0);
  assert.match(inspected.stdout, /\\u001b\[2J/u);
  assert.doesNotMatch(inspected.stdout, UNSAFE);

  writeFileSync(named, JSON.stringify({ [`${escape}${"k".repeat(30_000)}`]: 1 }));
  const refused = await retune("inspect", named);
  assert.equal(refused.code, 2);
  assert.doesNotMatch(refused.stderr.trimEnd(), UNSAFE);
  assert.ok(refused.stderr.length < 2_500, `${refused.stderr.length} characters`);
});

test("streams of the process are written to where it is made safe, and nowhere else", () => {
  const src = fileURLToPath(new URL("../../src", import.meta.url));
  const found = readdirSync(src, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .filter((file) =>
      /std(?:out|err)\.write\((?!"")/u.test(readFileSync(path.join(src, file), "utf8")),
    );
  assert.deepEqual(found.toSorted(), [
    "cli/output.ts",
    "run-folder/log-writer.ts",
    "run-folder/state-writer.ts",
    "trainer/main.ts",
  ]);
});
