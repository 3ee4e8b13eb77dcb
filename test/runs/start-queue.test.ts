/** Windows that share a queue, each a process of its own, with the real training process. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { RecipeInput } from "../../src/protocol/recipe.ts";
import { newEntry, readQueue } from "../../src/runs/queue-file.ts";
import {
  bundleSource,
  makeRun,
  readLog,
  readState,
  startTrainer,
  tinyWorkspace,
} from "../support/retune.ts";
import { until } from "../support/until.ts";

const SHORT: Partial<RecipeInput> = { epochs: 1, evalEvery: 0, saveEvery: 0 };
const LONG: Partial<RecipeInput> = { epochs: 2000, evalEvery: 0, saveEvery: 0 };

/** What a window does with a queue; `add` are run folders that it puts in. */
async function openWindow(
  runsDir: string,
  {
    add = [],
    limit = 1,
    isTrusted = true,
  }: { add?: string[]; limit?: number; isTrusted?: boolean } = {},
): Promise<ChildProcess> {
  const bundles = await Promise.all(
    ["runs/run-store.ts", "runs/run-actions.ts", "runs/start-queue.ts", "trainer/main.ts"].map(
      bundleSource,
    ),
  );
  const [store, actions, queue, trainer] = bundles.map((file) => JSON.stringify(file));
  const script = `
    const { RunStore } = require(${store});
    const { RunActions } = require(${actions});
    const { StartQueue } = require(${queue});
    const store = new RunStore({ activePollMs: 100, idlePollMs: 200 });
    const actions = new RunActions({ programs: { trainer: ${trainer}, cli: "" }, onExit: (dir) => queue.release(dir) });
    const queue = new StartQueue({
      store,
      start: (dir) => actions.start(dir),
      limit: () => ${limit},
      isAllowed: () => ${isTrusted},
      onError: (dir, message) => console.error(message),
    });
    setInterval(() => {}, 1000);
    (async () => {
      for (const dir of ${JSON.stringify(add)}) console.log(await queue.add(dir));
      await store.setRoots([${JSON.stringify(runsDir)}]);
      console.log("scanned");
    })();`;
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  return child;
}

async function close(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}

async function outputOf(child: ChildProcess, word: string): Promise<string> {
  let text = "";
  for await (const chunk of child.stdout ?? []) {
    text += String(chunk);
    if (text.includes(word)) break;
  }
  return text;
}

const statusOf = (runDir: string): string => readState(runDir).status;

/** Ends a run that was started for a test, before its folder goes. */
async function endRun(runDir: string): Promise<void> {
  const { process: owner, status } = readState(runDir);
  if (owner === undefined || !["starting", "running"].includes(status)) return;
  process.kill(owner.pid, "SIGKILL");
  await sleep(200);
}

async function makeRuns(
  t: TestContext,
  count: number,
): Promise<{ runsDir: string; runs: string[] }> {
  const dir = tinyWorkspace(t);
  const runs: string[] = [];
  for (let number = 0; number < count; number++) runs.push(await makeRun(dir, SHORT));
  return { runsDir: path.join(dir, "runs"), runs };
}

test("three windows with one queue train one run at a time, in order, each once", async (t) => {
  const { runsDir, runs } = await makeRuns(t, 6);
  const [first = "", ...rest] = runs;
  const windows = [await openWindow(runsDir, { add: [first] })];
  await until(() => existsSync(path.join(runsDir, "../queue.json")), "the queue");
  windows.push(await openWindow(runsDir, { add: rest.slice(0, 3) }));
  windows.push(await openWindow(runsDir, { add: rest.slice(3) }));
  try {
    await until(() => runs.every((run) => statusOf(run) === "finished"), "all runs");
    const spans = runs
      .map((run) => readState(run))
      .map(({ startedAt = "", endedAt = "" }) => ({ startedAt, endedAt }))
      .toSorted((a, b) => a.startedAt.localeCompare(b.startedAt));
    for (const [index, { startedAt }] of spans.entries()) {
      const before = spans[index - 1];
      if (before) assert.ok(startedAt >= before.endedAt, JSON.stringify(spans));
    }
    assert.equal(readState(first).startedAt, spans[0]?.startedAt);
    for (const run of runs) {
      const log = readLog(run);
      assert.equal(log.match(/compiled the training step/gu)?.length, 1, log);
      assert.doesNotMatch(log, /already/u);
    }
    await until(
      () => readFileSync(path.join(runsDir, "../queue.json"), "utf8").includes('"starting": []'),
      "an empty queue",
    );
  } finally {
    await Promise.all(windows.map(close));
  }
});

test("a window that opens while a run trains starts no queued run beside it", async (t) => {
  const { runsDir, runs } = await makeRuns(t, 3);
  const [waiting = ""] = runs;
  const live = await makeRun(path.dirname(runsDir), LONG);
  const { child, finished } = await startTrainer(live);
  await until(() => statusOf(live) === "running", "the run");
  const queue = { version: 1, waiting: runs.map(newEntry), starting: [] };
  writeFileSync(path.join(runsDir, "../queue.json"), JSON.stringify(queue));
  const window = await openWindow(runsDir);
  try {
    await outputOf(window, "scanned");
    await sleep(1_500);
    assert.deepEqual(runs.map(statusOf), ["queued", "queued", "queued"]);
    child.kill("SIGTERM");
    await finished;
    await until(() => statusOf(waiting) !== "queued", "its turn");
    await until(() => runs.every((run) => statusOf(run) === "finished"), "all runs");
  } finally {
    child.kill("SIGKILL");
    await close(window);
  }
});

test("a window that dies between taking a run and starting it does not lose it", async (t) => {
  const { runsDir, runs } = await makeRuns(t, 1);
  const [run = ""] = runs;
  const at = new Date(Date.now() - 120_000).toISOString();
  const queue = { version: 1, waiting: [], starting: [{ ...newEntry(run), at }] };
  writeFileSync(path.join(runsDir, "../queue.json"), JSON.stringify(queue));
  const window = await openWindow(runsDir);
  try {
    await until(() => statusOf(run) === "finished", "the run");
  } finally {
    await close(window);
  }
});

test("a window killed with the queue's lock in its hands does not keep it", async (t) => {
  const { runsDir, runs } = await makeRuns(t, 1);
  const [run = ""] = runs;
  const lock = JSON.stringify(await bundleSource("run-folder/lock.ts"));
  const file = JSON.stringify(path.join(runsDir, "../queue.lock"));
  const script = `require(${lock}).Lock.take(${file}).then(() => process.kill(process.pid, "SIGKILL"))`;
  await once(spawn(process.execPath, ["-e", script]), "exit");
  assert.ok(existsSync(path.join(runsDir, "../queue.lock")));
  const window = await openWindow(runsDir, { add: [run] });
  try {
    await until(() => statusOf(run) === "finished", "the run");
  } finally {
    await close(window);
  }
});

test("nothing starts by itself in a workspace that is not trusted, nor what another machine queued", async (t) => {
  const { runsDir, runs } = await makeRuns(t, 2);
  const [own = "", foreign = ""] = runs;
  const waiting = [newEntry(own), { ...newEntry(foreign), host: "elsewhere" }];
  const file = path.join(runsDir, "../queue.json");
  writeFileSync(file, JSON.stringify({ version: 1, waiting, starting: [] }));
  const untrusted = await openWindow(runsDir, { isTrusted: false });
  await outputOf(untrusted, "scanned");
  await sleep(800);
  await close(untrusted);
  assert.deepEqual(runs.map(statusOf), ["queued", "queued"]);
  const trusted = await openWindow(runsDir, { limit: 5 });
  try {
    await until(() => statusOf(own) === "finished", "our run");
    assert.equal(statusOf(foreign), "queued");
    assert.equal((await readQueue(path.dirname(runsDir))).waiting.length, 1);
  } finally {
    await close(trusted);
    await endRun(foreign);
  }
});

test("as many train as the limit says, and a broken queue.json is named", async (t) => {
  const { runsDir, runs } = await makeRuns(t, 3);
  const window = await openWindow(runsDir, { add: runs, limit: 2 });
  try {
    assert.deepEqual((await outputOf(window, "scanned")).split("\n").slice(0, 3), [
      "started",
      "started",
      "queued",
    ]);
    await until(() => runs.every((run) => statusOf(run) === "finished"), "all runs");
  } finally {
    await close(window);
  }
  writeFileSync(
    path.join(runsDir, "../queue.json"),
    '{ "version": 1, "waiting": [{ "run": "../x" }]',
  );
  await assert.rejects(readQueue(path.dirname(runsDir)), /queue\.json:.*delete the file to empty/u);
  assert.deepEqual(
    readdirSync(path.dirname(runsDir)).filter((name) => name.includes("lock")),
    [],
  );
});
