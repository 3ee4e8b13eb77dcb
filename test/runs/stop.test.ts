/** Stop, from asking to killing, on the real training process. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import path from "node:path";
import { type TestContext, after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { RecipeInput } from "../../src/protocol/recipe.ts";
import { RunActions } from "../../src/runs/run-actions.ts";
import { processFate } from "../../src/util/process-identity.ts";
import {
  bundleSource,
  makeRun,
  readLog,
  readState,
  startRetune,
  startTrainer,
  tinyWorkspace,
} from "../support/retune.ts";
import { until } from "../support/until.ts";

const LONG: Partial<RecipeInput> = { epochs: 2000, evalEvery: 0, saveEvery: 10, keepBest: false };
/** As a window, which lives whether or not it waits for a process. */
const window = setInterval(() => undefined, 1_000);
after(() => clearInterval(window));

const skip = process.platform === "win32" && "there is no SIGSTOP there";
const LIMITS = { answerMs: 2_000, termMs: 1_000 };

async function running(
  t: TestContext,
): Promise<{ runDir: string; actions: RunActions; pid: number }> {
  const runDir = await makeRun(tinyWorkspace(t), LONG);
  const actions = new RunActions({
    programs: { trainer: await bundleSource("trainer/main.ts"), cli: "" },
    limits: LIMITS,
  });
  await actions.start(runDir);
  await until(
    () => readState(runDir).status === "running" && readState(runDir).step > 12,
    "its steps",
  );
  return { runDir, actions, pid: readState(runDir).process?.pid ?? 0 };
}

test(
  "a process that can't answer is killed, its state says stopped and why, and Delete works",
  { skip },
  async (t) => {
    const { runDir, actions, pid } = await running(t);
    const owner = readState(runDir).process;
    assert.ok(owner !== undefined);
    process.kill(pid, "SIGSTOP");
    await actions.stop(runDir);
    await until(() => readState(runDir).status === "stopped", "its end");
    const { message = "", endedAt } = readState(runDir);
    assert.match(message, /did not end by itself and was killed/);
    assert.ok(endedAt !== undefined);
    assert.match(readLog(runDir), /was killed; what it had saved is there\n$/);
    assert.equal(await processFate(owner), "gone");
    await actions.delete(runDir);
    assert.ok(!existsSync(runDir));
  },
);

test("a process that answers is left to finish its step and to save", async (t) => {
  const { runDir, actions } = await running(t);
  await actions.stop(runDir);
  await until(() => readState(runDir).status === "stopped", "its end");
  const { step, message } = readState(runDir);
  assert.equal(message, undefined);
  const checkpoint = `checkpoints/step-${String(step).padStart(6, "0")}/sha256.json`;
  assert.ok(existsSync(path.join(runDir, checkpoint)));
  assert.ok(existsSync(path.join(runDir, "adapter/adapter_config.json")));
  await actions.delete(runDir);
});

test(
  "a second Stop does not wait, and the run goes on from its last checkpoint",
  { skip },
  async (t) => {
    const { runDir, actions, pid } = await running(t);
    process.kill(pid, "SIGSTOP");
    await actions.stop(runDir);
    await actions.stop(runDir);
    assert.equal(readState(runDir).status, "stopped");
    await sleep(300);
    await actions.start(runDir);
    await until(() => readLog(runDir).includes("goes on from step"), "its resume");
    await until(() => readState(runDir).status === "running", "its steps");
    await actions.stop(runDir);
    await until(() => readState(runDir).status === "stopped", "its end");
    await actions.delete(runDir);
  },
);

test("SIGTERM at any moment of the start ends the run as stopped, not as starting", async (t) => {
  const dir = tinyWorkspace(t);
  for (const phase of [
    "reading the base model",
    "tokenising data",
    "compiling the training step",
  ]) {
    for (let time = 0; time < 3; time++) {
      const runDir = await makeRun(dir, LONG);
      const { child, finished } = await startTrainer(runDir);
      await until(() => readState(runDir).phase === phase || readState(runDir).step > 0, phase);
      child.kill("SIGTERM");
      const { code, signal } = await finished;
      assert.equal(signal, null, `${phase}: the signal won`);
      assert.equal(code, 1);
      assert.equal(readState(runDir).status, "stopped", phase);
      assert.ok(!existsSync(path.join(runDir, "lock")));
    }
  }
});

test("a second Ctrl+C on the command line ends at once, and the state says so", async (t) => {
  const runDir = await makeRun(tinyWorkspace(t), { ...LONG, batchSize: 64, accumulate: 40 });
  const { child, finished } = await startRetune("resume", runDir);
  await until(() => readState(runDir).status === "running", "its first step");
  child.kill("SIGINT");
  await sleep(30);
  child.kill("SIGINT");
  const { signal, code } = await finished;
  const { status, message = "" } = readState(runDir);
  assert.equal(status, "stopped");
  if (signal === null) assert.equal(code, 1);
  else {
    assert.equal(signal, "SIGINT");
    assert.match(message, /ended at once, without saving/);
  }
  assert.ok(!existsSync(path.join(runDir, "lock")));
});
