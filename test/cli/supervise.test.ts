/** The `retune train` that a terminal sees outlives whatever the process under it is stuck in. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { RecipeInput } from "../../src/protocol/recipe.ts";
import { SUPERVISED } from "../../src/protocol/supervision.ts";
import { processFate } from "../../src/util/process-identity.ts";
import {
  bundleSource,
  makeRun,
  readLog,
  readState,
  retune,
  startRetune,
  tinyWorkspace,
  writeRecipe,
} from "../support/retune.ts";
import { until } from "../support/until.ts";

const LONG: Partial<RecipeInput> = { epochs: 2000, evalEvery: 0, saveEvery: 10, keepBest: false };
const skip = process.platform === "win32" && "there is no SIGSTOP there";

/** @returns the process that trains */
async function untilTraining(t: TestContext, runDir: string): Promise<number> {
  await until(
    () => readState(runDir).status === "running" && readState(runDir).step > 12,
    "its steps",
  );
  const pid = readState(runDir).process?.pid ?? 0;
  t.after(() => {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended, as it should.
    }
  });
  return pid;
}

/** Another process tells it of one that could not say so itself. */
function assertToldKilled(runDir: string, stderr: string): void {
  const { status, message = "" } = readState(runDir);
  assert.equal(status, "stopped");
  assert.match(message, /did not end by itself and was killed/);
  assert.match(stderr, /did not end by itself and was killed/);
  assert.match(readLog(runDir), /was killed; what it had saved/);
  assert.ok(!existsSync(path.join(runDir, "lock")));
}

test(
  "a second Ctrl+C ends a run that is stuck in one call, and it can go on",
  { skip },
  async (t) => {
    const runDir = await makeRun(tinyWorkspace(t), LONG);
    const { child, finished } = await startRetune("resume", runDir);
    const pid = await untilTraining(t, runDir);
    process.kill(pid, "SIGSTOP");
    child.kill("SIGINT");
    await sleep(300);
    assert.equal(child.exitCode, null);
    child.kill("SIGINT");
    const { code, signal, stderr } = await finished;
    assert.deepEqual({ code, signal }, { code: 1, signal: null });
    assertToldKilled(runDir, stderr);
    const again = await startRetune("resume", runDir);
    await untilTraining(t, runDir);
    again.child.kill("SIGINT");
    assert.match((await again.finished).stdout, /^stopped at step \d+: /u);
  },
);

test("one SIGTERM is enough when no answer comes in time", { skip }, async (t) => {
  const runDir = await makeRun(tinyWorkspace(t), LONG);
  const [supervisor, cli] = [await bundleSource("cli/supervise.ts"), await bundleSource("cli.ts")];
  const script = `const { supervise } = require(${JSON.stringify(supervisor)});
    const options = { script: ${JSON.stringify(cli)}, limits: { answerMs: 1000, termMs: 500 } };
    supervise(["resume", ${JSON.stringify(runDir)}], options).then((code) => (process.exitCode = code));`;
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "ignore", "pipe"] });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  process.kill(await untilTraining(t, runDir), "SIGSTOP");
  child.kill("SIGTERM");
  assert.deepEqual(await once(child, "close"), [1, null]);
  assertToldKilled(runDir, stderr);
});

/** As a shell does: in a group of its own, which is what a terminal's Ctrl+C reaches. */
async function startGroup(...args: string[]): Promise<ChildProcess> {
  return spawn(process.execPath, [await bundleSource("cli.ts"), ...args], {
    stdio: "ignore",
    detached: true,
  });
}

test("a terminal's Ctrl+C, which reaches both processes, counts once", { skip }, async (t) => {
  const runDir = await makeRun(tinyWorkspace(t), LONG);
  const group = await startGroup("resume", runDir);
  await untilTraining(t, runDir);
  process.kill(-(group.pid ?? 0), "SIGINT");
  assert.deepEqual(await once(group, "exit"), [1, null]);
  const { status, step, message } = readState(runDir);
  assert.deepEqual({ status, message }, { status: "stopped", message: undefined });
  const checkpoint = `checkpoints/step-${String(step).padStart(6, "0")}/sha256.json`;
  assert.ok(existsSync(path.join(runDir, checkpoint)), "it did not save");
});

test(
  "kill -9 of the command: the run saves and stops, and no process is left",
  { skip },
  async (t) => {
    const runDir = await makeRun(tinyWorkspace(t), LONG);
    const group = await startGroup("resume", runDir);
    await untilTraining(t, runDir);
    const owner = readState(runDir).process;
    assert.ok(owner !== undefined && owner.pid !== group.pid);
    group.kill("SIGKILL");
    await until(() => readState(runDir).status === "stopped", "its end");
    assert.ok(existsSync(path.join(runDir, "adapter/adapter_config.json")));
    await until(async () => (await processFate(owner)) === "gone", "the process to go");
  },
);

test(
  "kill -9 of the process that trains ends the command alike, and the run goes on",
  { skip },
  async (t) => {
    const runDir = await makeRun(tinyWorkspace(t), { ...LONG, epochs: 40 });
    const { finished } = await startRetune("resume", runDir);
    process.kill(await untilTraining(t, runDir), "SIGKILL");
    const { signal, stderr } = await finished;
    assert.equal(signal, "SIGKILL");
    assert.match(stderr, /SIGKILL ended the training process; "retune resume" goes on with/);
    assert.equal(readState(runDir).status, "running");
    assert.equal((await retune("resume", runDir)).code, 0);
  },
);

test("what is stuck before a run exists ends at one Ctrl+C", { skip }, async (t) => {
  const dir = tinyWorkspace(t);
  const stuck = path.join(dir, "stuck");
  const hang = path.join(dir, "hang.cjs");
  // The process that the command supervises does not get as far as its own code.
  const loop = `require("node:fs").writeFileSync(${JSON.stringify(stuck)}, ""); for (;;);`;
  writeFileSync(hang, `if (process.env["${SUPERVISED}"]) { ${loop} }`);
  const child = spawn(process.execPath, [await bundleSource("cli.ts"), "train", writeRecipe(dir)], {
    stdio: "ignore",
    env: { ...process.env, NODE_OPTIONS: `--require ${hang}` },
  });
  const ended = once(child, "exit");
  await until(() => existsSync(stuck), "the supervised process");
  child.kill("SIGINT");
  assert.deepEqual(await ended, [null, "SIGINT"]);
});
