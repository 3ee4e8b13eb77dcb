/** Stop of a run that waits, at the moment when another window or the command line begins with it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { Lock } from "../../src/run-folder/lock.ts";
import { RunActions } from "../../src/runs/run-actions.ts";
import { makeRun, readState, startTrainer, tinyWorkspace } from "../support/retune.ts";

const actions = new RunActions({ programs: { trainer: "", cli: "" } });

test("a process that was started, but has not taken the run yet, does not train it", async (t) => {
  const runDir = await makeRun(tinyWorkspace(t));
  await actions.stop(runDir);
  assert.deepEqual(
    [readState(runDir).status, readState(runDir).message],
    ["stopped", "stopped before it started"],
  );
  const { code } = await (await startTrainer(runDir)).finished;
  assert.equal(code, 1);
  const { status, step } = readState(runDir);
  assert.deepEqual([status, step], ["stopped", 0]);
});

test("the state is left to a process that has the run and has not said so yet", async (t) => {
  const runDir = await makeRun(tinyWorkspace(t));
  const lock = await Lock.take(path.join(runDir, "lock"));
  assert.ok(lock instanceof Lock);
  await actions.stop(runDir);
  assert.equal(readState(runDir).status, "queued");
  const control = readFileSync(path.join(runDir, "control.json"), "utf8");
  assert.equal((JSON.parse(control) as { request: string }).request, "stop");
  await lock.release();
});
