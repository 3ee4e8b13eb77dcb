/** control.json belongs to whoever has the folder: a command that is refused leaves it. */
import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { Lock } from "../../src/run-folder/lock.ts";
import { makeRun, readState, retune, tinyWorkspace } from "../support/retune.ts";

const STOP = JSON.stringify({ request: "stop", requestedAt: new Date().toISOString() });

test("a folder that is no run's or interpolation's keeps its control.json", async (t) => {
  const dir = tinyWorkspace(t);
  const control = path.join(dir, "control.json");
  writeFileSync(control, "mine");
  for (const args of [
    ["resume", dir],
    ["interpolate", "--continue", dir],
  ]) {
    assert.equal((await retune(...args)).code, 2);
    assert.ok(existsSync(control), args.join(" "));
  }
});

test("a request to the process that trains a run outlives a resume that is refused", async (t) => {
  const runDir = await makeRun(tinyWorkspace(t));
  const lock = await Lock.take(path.join(runDir, "lock"));
  assert.ok(lock instanceof Lock);
  const control = path.join(runDir, "control.json");
  writeFileSync(control, STOP);
  const { code, stderr } = await retune("resume", runDir);
  assert.match(stderr, /is training this run already/);
  assert.equal(code, 2);
  assert.ok(existsSync(control));
  await lock.release();
});

test("one of last time does not stop a run that is resumed", async (t) => {
  const runDir = await makeRun(tinyWorkspace(t), { epochs: 1, evalEvery: 0 });
  writeFileSync(path.join(runDir, "control.json"), STOP);
  assert.equal((await retune("resume", runDir)).code, 0);
  assert.equal(readState(runDir).status, "finished");
});
