/** Start, stop, go on and delete, by the actions of a window and the process of a made-up engine. */
import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { isStopRequested, writeControl } from "../../src/run-folder/control.ts";
import { createRun } from "../../src/run-folder/create-run.ts";
import { Lock } from "../../src/run-folder/lock.ts";
import { type Run, readRun } from "../../src/run-folder/run.ts";
import { type ExitStatus, spawnDetached } from "../../src/run-folder/spawn-detached.ts";
import { FolderActions } from "../../src/runs/folder-actions.ts";
import { MADE_UP_RECIPE } from "../support/made-up-recipe.ts";
import { readLog, readMetrics, readState } from "../support/retune.ts";
import { tempDir } from "../support/temp-dir.ts";
import { until } from "../support/until.ts";

const ENGINE = fileURLToPath(new URL("../support/made-up-engine.ts", import.meta.url));
/** As a window, which lives whether or not it waits for a process. */
const window = setInterval(() => undefined, 1_000);
after(() => clearInterval(window));

interface Opened {
  runDir: string;
  actions: FolderActions<Run>;
  /** How processes that were started here have ended. */
  exits: ExitStatus[];
  /** How many were started. */
  starts: () => number;
}

/** @param script what is run in place of the engine */
async function open(t: TestContext, change: object = {}, script?: string[]): Promise<Opened> {
  const recipe = { ...MADE_UP_RECIPE, ...change };
  const runDir = await createRun({ recipe, runsDir: path.join(tempDir(t), "runs") });
  const exits: ExitStatus[] = [];
  let starts = 0;
  const actions = new FolderActions<Run>({
    read: readRun,
    launch: ({ dir }) => {
      starts++;
      const args = script ?? ["--import", import.meta.resolve("tsx"), ENGINE, dir];
      return spawnDetached(args, { dir, logFile: "log.txt" });
    },
    onExit: (_, exit) => exits.push(exit),
    limits: { answerMs: 20_000, termMs: 1_000 },
    words: { folder: "run folder", process: "the engine", instead: "start another" },
  });
  t.after(() => {
    const { process: owner, status } = existsSync(runDir)
      ? readState(runDir)
      : { process: undefined, status: "finished" };
    if (owner && owner.pid !== process.pid && status === "running") {
      process.kill(owner.pid, "SIGKILL");
    }
  });
  return { runDir, actions, exits, starts: () => starts };
}

test("a run is started once, stopped when it is asked to, and goes on to its end", async (t) => {
  const { runDir, actions, exits, starts } = await open(t, { steps: 150 });
  // Which of the two reads the folder first is the system's business.
  const both = await Promise.allSettled([actions.start(runDir), actions.start(runDir)]);
  const refusals = both.flatMap((one) => (one.status === "rejected" ? [String(one.reason)] : []));
  assert.equal(refusals.length, 1);
  assert.match(refusals[0] ?? "", /walk-to-three is running already/);
  await until(() => readState(runDir).step > 12, "its steps");
  await assert.rejects(actions.start(runDir), /is running already/);
  await assert.rejects(actions.delete(runDir), /is running: stop it before you delete it/);
  await actions.stop(runDir);
  await until(() => exits.length === 1, "its end");
  assert.equal(readState(runDir).status, "stopped");
  await assert.rejects(actions.stop(runDir), /is not running \(it is stopped\)/);
  assert.equal(await isStopRequested(runDir), true);
  await actions.start(runDir);
  await until(() => readState(runDir).status === "finished", "its end");
  assert.equal(starts(), 2);
  assert.deepEqual(
    readMetrics(runDir).map(({ step }) => step),
    Array.from({ length: 150 }, (_, at) => at + 1),
  );
  await assert.rejects(actions.start(runDir), /has finished; start another$/);
  await actions.delete(runDir);
  assert.equal(existsSync(runDir), false);
  assert.deepEqual(
    exits.map(({ code }) => code),
    [0, 0],
  );
});

test("a process that dies before its first word leaves a run that failed, with the last thing it said", async (t) => {
  const script = ["-e", 'console.error("no such\\nlibrary"); process.exit(4)'];
  const { runDir, actions, exits } = await open(t, {}, script);
  await actions.start(runDir);
  await until(() => exits.length === 1, "its end");
  const { status, message } = readState(runDir);
  assert.equal(status, "failed");
  assert.equal(message, "the engine ended with code 4 before it began: library");
  assert.match(readLog(runDir), /no such\nlibrary\n/);
});

test("one that waits is stopped without a process, and the request outlives it", async (t) => {
  const { runDir, actions, starts } = await open(t);
  await actions.stop(runDir);
  const { status, message, endedAt } = readState(runDir);
  assert.deepEqual([status, message], ["stopped", "stopped before it started"]);
  assert.ok(endedAt !== undefined);
  assert.equal(await isStopRequested(runDir), true);
  assert.equal(starts(), 0);
});

test("one that another process begins with at this moment is asked, not written to", async (t) => {
  const { runDir, actions } = await open(t);
  const lock = await Lock.take(path.join(runDir, "lock"));
  assert.ok(lock instanceof Lock);
  const before = readState(runDir);
  await actions.stop(runDir);
  assert.deepEqual(readState(runDir), before);
  assert.equal(await isStopRequested(runDir), true);
  await lock.release();
});

test("a start takes an old request back, and one that can't be made leaves no run behind that seems to start", async (t) => {
  const { runDir, actions } = await open(t, { steps: 20 });
  await writeControl(runDir, "stop");
  await actions.start(runDir);
  await until(() => readState(runDir).status === "finished", "its end");
  const broken = await open(t);
  writeFileSync(path.join(broken.runDir, "state.json"), "{");
  await assert.rejects(broken.actions.start(broken.runDir), /can't be started: state\.json:1:/);
  await assert.rejects(broken.actions.start(broken.runDir), /can't be started/);
  assert.equal(broken.starts(), 0);
});

test("a folder that is none is named, by all that can be done to it", async (t) => {
  const { actions } = await open(t);
  const dir = tempDir(t);
  for (const act of ["start", "stop", "delete"] as const) {
    await assert.rejects(actions[act](dir), /is not a run folder \(no state\.json\)$/);
  }
  assert.ok(existsSync(dir));
});
