import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { Lock } from "../../src/run-folder/lock.ts";
import { tellKilled, writeState } from "../../src/run-folder/tell-killed.ts";
import { readState } from "../support/retune.ts";
import { tempDir } from "../support/temp-dir.ts";

const STATE = {
  status: "running",
  step: 4,
  phase: "evaluating",
  createdAt: "2026-11-20T10:00:00.000Z",
  costUsd: 2,
};

test("state and log say that it was killed, and what it left half-written goes", async (t) => {
  const dir = tempDir(t);
  writeFileSync(path.join(dir, "log.txt"), "2026-11-20T10:00:00.000Z step 4\n2026-11-20T10:0");
  mkdirSync(path.join(dir, "adapter.123-abc.tmp"));
  mkdirSync(path.join(dir, "work"));
  const message = await tellKilled({ dir, state: STATE }, "the training process");
  assert.match(message, /^stopped: the training process did not end by itself and was killed/);
  const { phase, endedAt, ...rest } = readState(dir);
  const { phase: _, ...before } = STATE;
  assert.deepEqual(rest, { ...before, status: "stopped", message });
  assert.deepEqual([phase, typeof endedAt], [undefined, "string"]);
  const lines = readFileSync(path.join(dir, "log.txt"), "utf8").split("\n");
  assert.match(lines[2] ?? "", /^\S+Z stopped: the training process/);
  assert.deepEqual([lines[1], lines[3]], ["2026-11-20T10:0", ""]);
  for (const name of ["adapter.123-abc.tmp", "work", "lock"]) {
    assert.ok(!existsSync(path.join(dir, name)), name);
  }
});

test("a folder that another process goes on with already is left to it", async (t) => {
  const dir = tempDir(t);
  const lock = await Lock.take(path.join(dir, "lock"));
  assert.ok(lock instanceof Lock);
  writeFileSync(path.join(dir, "state.json"), JSON.stringify(STATE));
  await tellKilled({ dir, state: STATE }, "the training process");
  assert.deepEqual(readState(dir), STATE);
  assert.ok(!existsSync(path.join(dir, "log.txt")));
  await lock.release();
});

test("a state that could not be read is written anew", async (t) => {
  const dir = tempDir(t);
  writeFileSync(path.join(dir, "state.json"), "{");
  await writeState({ dir }, { status: "failed", message: "it was broken" });
  assert.deepEqual([readState(dir).status, readState(dir).message], ["failed", "it was broken"]);
});
