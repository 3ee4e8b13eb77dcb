/** One process trains a run, whoever asks, from wherever; and what a killed one left is put in order. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { RecipeInput } from "../../src/protocol/recipe.ts";
import { readRun } from "../../src/run-folder/run.ts";
import {
  bundleSource,
  makeRun,
  readLog,
  readState,
  retune,
  startTrainer,
  tinyWorkspace,
  untilStep,
} from "../support/retune.ts";

const LONG: Partial<RecipeInput> = { epochs: 500, evalEvery: 0, saveEvery: 10, keepBest: false };

/** As rm -rf, again where a file appeared meanwhile. */
function removeWhileWritten(dir: string): void {
  for (let attempt = 0; existsSync(dir) && attempt < 100; attempt++) {
    try {
      rmSync(dir, { recursive: true, force: true });
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, "ENOTEMPTY");
    }
  }
}

/** A run with checkpoints whose process was killed. */
async function interrupted(t: TestContext, change = LONG): Promise<string> {
  const runDir = await makeRun(tinyWorkspace(t), change);
  const { child, finished } = await startTrainer(runDir);
  await untilStep(runDir, 25);
  child.kill("SIGKILL");
  await finished;
  return runDir;
}

/** For as long as it fits into a suite: 32 times on two busy cores. */
const TRY_MS = 20_000;

test("of two resumes at the same instant exactly one trains, as often as 20 s allow", async (t) => {
  const runDir = await interrupted(t);
  let tries = 0;
  for (const deadline = Date.now() + TRY_MS; Date.now() < deadline; tries++) {
    const both = await Promise.all([startTrainer(runDir), startTrainer(runDir)]);
    t.after(() => both.forEach(({ child }) => child.kill("SIGKILL")));
    const refused = await Promise.race(both.map(({ finished }) => finished));
    assert.equal(refused.code, 2, refused.stderr);
    assert.match(refused.stderr, /process \d+ is training this run already/);
    const live = both.filter(({ child }) => child.exitCode === null);
    assert.equal(live.length, 1);
    const [winner] = live;
    const isTraining = (): boolean => {
      const { status, process: owner } = readState(runDir);
      return status === "running" && owner?.pid === winner?.child.pid;
    };
    while (!isTraining()) {
      assert.equal(winner?.child.exitCode, null, readLog(runDir));
      await sleep(10);
    }
    winner?.child.kill("SIGKILL");
    await winner?.finished;
  }
  t.diagnostic(`${tries} times`);
  assert.ok(tries >= 3, `it was tried ${tries} times only`);
});

for (const [where, args] of [
  ["under another host name", ["--uts", "sh", "-c", 'hostname elsewhere && exec "$@"', "sh"]],
  ["in another pid namespace", ["--pid", "--fork", "--mount-proc"]],
  [
    "in another container",
    [
      "--uts",
      "--pid",
      "--fork",
      "--mount-proc",
      "sh",
      "-c",
      'hostname elsewhere && exec "$@"',
      "sh",
    ],
  ],
] as const) {
  test(`a live run is refused to a resume ${where}, and seen as running there`, async (t) => {
    if (spawnSync("unshare", [...args, "true"]).status !== 0) {
      return t.skip("this account may not make namespaces");
    }
    const runDir = await makeRun(tinyWorkspace(t), LONG);
    const { child, finished } = await startTrainer(runDir);
    t.after(() => child.kill("SIGKILL"));
    await untilStep(runDir, 5);
    const cli = await bundleSource("cli.ts");
    const there = (...words: string[]) =>
      spawnSync("unshare", [...args, process.execPath, cli, ...words], { encoding: "utf8" });
    const resumed = there("resume", runDir);
    assert.equal(resumed.status, 2, resumed.stdout + resumed.stderr);
    assert.match(resumed.stderr, /is training this run already/);
    const seen = JSON.parse(there("inspect", runDir, "--json").stdout) as { status: string };
    assert.equal(seen.status, "running");
    assert.equal(child.exitCode, null);
    child.kill("SIGKILL");
    await finished;
    // Where its process can be asked, it is known at once to be gone.
    assert.equal((await readRun(runDir))?.status, "interrupted");
  });
}

test("a live run of another container can be asked from here by its heartbeat alone", async (t) => {
  const args = ["--pid", "--fork", "--mount-proc", "--kill-child"];
  if (spawnSync("unshare", [...args, "true"]).status !== 0) {
    return t.skip("this account may not make a pid namespace");
  }
  const runDir = await makeRun(tinyWorkspace(t), LONG);
  const trainer = await bundleSource("trainer/main.ts");
  const child = spawn("unshare", [...args, process.execPath, trainer, runDir], { stdio: "ignore" });
  try {
    await untilStep(runDir, 5);
    assert.equal((await readRun(runDir))?.status, "running");
    const second = await (await startTrainer(runDir)).finished;
    assert.equal(second.code, 2, second.stderr);
  } finally {
    child.kill("SIGKILL");
    await once(child, "exit");
    removeWhileWritten(runDir);
  }
});

test("leftovers of killed processes go at resume, and an adapter that was moved aside comes back", async (t) => {
  const runDir = await interrupted(t);
  const checkpoints = path.join(runDir, "checkpoints");
  const [newest = ""] = readdirSync(checkpoints).toSorted().toReversed();
  for (const name of ["adapter.4242-0a1b2c3d.tmp", "model.4242-0a1b2c3d.tmp"]) {
    mkdirSync(path.join(runDir, name));
    writeFileSync(path.join(runDir, name, "model.safetensors"), "weights");
  }
  for (const name of [
    "state.json.1234567",
    "recipe.json.99",
    "metrics.jsonl.7",
    "model.4242.tmp",
  ]) {
    writeFileSync(path.join(runDir, name), "{");
  }
  mkdirSync(path.join(checkpoints, "step-000999.4242-0a1b2c3d.tmp"));
  renameSync(path.join(checkpoints, newest), path.join(checkpoints, `${newest}.4242-0a1b2c3d.old`));
  mkdirSync(path.join(runDir, "adapter.4242-0a1b2c3d.old"));
  writeFileSync(path.join(runDir, "adapter.4242-0a1b2c3d.old/adapter_config.json"), "{}");
  writeFileSync(path.join(runDir, "my.notes.txt"), "kept");
  const { child, finished } = await startTrainer(runDir);
  t.after(() => child.kill("SIGKILL"));
  while (!readLog(runDir).includes("goes on from step")) await sleep(20);
  assert.match(readLog(runDir), new RegExp(`${newest} is back`));
  assert.match(readLog(runDir), new RegExp(`goes on from step ${Number(newest.slice(5))}\\n`));
  const names = [...readdirSync(runDir), ...readdirSync(checkpoints)];
  assert.ok(names.includes("adapter") && names.includes("my.notes.txt"));
  const planted = /4242|state\.json\.1234567|recipe\.json\.99|metrics\.jsonl\.7/u;
  const left = names.filter((name) => planted.test(name));
  assert.deepEqual(left, []);
  child.kill("SIGTERM");
  await finished;
});

test("a truncated state.json does not keep a run from going on beside whole checkpoints", async (t) => {
  const runDir = await interrupted(t, { ...LONG, epochs: 30 });
  truncateSync(path.join(runDir, "state.json"), 40);
  const resumed = await retune("resume", runDir);
  assert.equal(resumed.code, 0, resumed.stderr);
  assert.equal(readState(runDir).status, "finished");
  assert.match(readLog(runDir), /state\.json:.*goes on by the checkpoints alone/);
  assert.match(readLog(runDir), /goes on from step [12]0\n/);
});

test("rm -rf of a live run's folder: the process ends, and the folder does not come back", async (t) => {
  const runDir = await makeRun(tinyWorkspace(t), LONG);
  const { child, finished } = await startTrainer(runDir);
  t.after(() => child.kill("SIGKILL"));
  await untilStep(runDir, 5);
  removeWhileWritten(runDir);
  const { code, signal } = await finished;
  assert.equal(signal, null);
  assert.equal(code, 1);
  assert.ok(!existsSync(runDir), existsSync(runDir) ? readdirSync(runDir).join() : "");
});
