/** The entry that an engine writes its run by, on real folders. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { createRun } from "../../src/run-folder/create-run.ts";
import { checkHashes } from "../../src/run-folder/checkpoints.ts";
import { writeControl } from "../../src/run-folder/control.ts";
import { RunRecorder } from "../../src/run-folder/recorder.ts";
import { MADE_UP_RECIPE } from "../support/made-up-recipe.ts";
import { readLog, readMetrics, readState } from "../support/retune.ts";
import { tempDir } from "../support/temp-dir.ts";

const makeRun = (t: TestContext): Promise<string> =>
  createRun({ recipe: MADE_UP_RECIPE, runsDir: path.join(tempDir(t), "runs") });

const read = (runDir: string, name: string): unknown =>
  JSON.parse(readFileSync(path.join(runDir, name), "utf8"));

test("an opened run is starting, its process is named, and a second one is refused until it is closed", async (t) => {
  const runDir = await makeRun(t);
  const recorder = await RunRecorder.open(runDir);
  const { status, process: owner, heartbeatAt, startedAt } = readState(runDir);
  assert.deepEqual([status, owner?.pid], ["starting", process.pid]);
  assert.ok(heartbeatAt !== undefined && startedAt !== undefined);
  await assert.rejects(RunRecorder.open(runDir), /is training this run already/);
  await recorder.close({ status: "stopped" });
  assert.ok(!existsSync(path.join(runDir, "lock")));
  const again = await RunRecorder.open(runDir);
  assert.equal(readState(runDir).startedAt, startedAt);
  assert.equal(readState(runDir).endedAt, undefined);
  await again.close({ status: "finished" });
  await assert.rejects(RunRecorder.open(runDir), /this run has finished; start a new one/);
});

test("state updates add up, a new status is written at once, and undefined takes a field away", async (t) => {
  const runDir = await makeRun(t);
  const recorder = await RunRecorder.open(runDir);
  await recorder.update({ status: "running", phase: "warming up", totalSteps: 9 });
  assert.deepEqual([readState(runDir).status, readState(runDir).phase], ["running", "warming up"]);
  // Within the interval: kept, and written with what comes next.
  await recorder.update({ step: 3, loss: 2.5 });
  await recorder.update({ phase: undefined });
  assert.equal(recorder.state.phase, undefined);
  await recorder.close({ status: "stopped", message: "enough" });
  const { step, loss, totalSteps, message, phase, endedAt } = readState(runDir);
  assert.deepEqual([step, loss, totalSteps, message, phase], [3, 2.5, 9, "enough", undefined]);
  assert.ok(endedAt !== undefined);
});

test("what others wrote into state.json and recipe.json stays there", async (t) => {
  const runDir = await makeRun(t);
  const queued = { ...readState(runDir), job: { id: "j-1" } };
  writeFileSync(path.join(runDir, "state.json"), JSON.stringify(queued));
  const recorder = await RunRecorder.open(runDir);
  await Promise.all([
    recorder.addToRecipe({ versions: { cloud: "4" } }),
    recorder.addToRecipe({ hashes: { a: "b" } }),
  ]);
  await recorder.addToRecipe({ versions: undefined });
  await recorder.close({ status: "finished" });
  assert.deepEqual(read(runDir, "recipe.json"), { ...MADE_UP_RECIPE, hashes: { a: "b" } });
  const { job } = read(runDir, "state.json") as { job?: unknown };
  assert.deepEqual(job, { id: "j-1" });
});

test("metrics are lines, cut back to a checkpoint's step before the run goes on", async (t) => {
  const runDir = await makeRun(t);
  const recorder = await RunRecorder.open(runDir);
  for (const step of [1, 2, 3]) await recorder.metric({ step, epoch: 0, loss: step, elapsedMs: 1 });
  await recorder.cutMetrics(2);
  await recorder.metric({ step: 3, epoch: 0, loss: 30, elapsedMs: 2 });
  assert.deepEqual(
    readMetrics(runDir).map(({ step, loss }) => [step, loss]),
    [
      [1, 1],
      [2, 2],
      [3, 30],
    ],
  );
  await recorder.cutMetrics(-1);
  assert.equal(readFileSync(path.join(runDir, "metrics.jsonl"), "utf8"), "");
  await recorder.close({ status: "finished" });
});

test("a checkpoint appears whole, with the hash of each file, or not at all", async (t) => {
  const runDir = await makeRun(t);
  const recorder = await RunRecorder.open(runDir);
  const small = "w = 1";
  const large = Buffer.alloc(100_000, 7);
  const sha256 = (data: string | Buffer): string => createHash("sha256").update(data).digest("hex");
  await recorder.checkpoint(10, {
    write: (dir) => writeFile(path.join(dir, "w.txt"), small),
    writeHashed: async (dir) => {
      await writeFile(path.join(dir, "moments"), large);
      return { moments: sha256(large) };
    },
  });
  const failing = recorder.checkpoint(20, {
    write: async (dir) => {
      await writeFile(path.join(dir, "w.txt"), small);
      throw new Error("no more");
    },
  });
  await assert.rejects(failing, /no more/);
  const [newest, ...others] = await recorder.checkpoints();
  assert.deepEqual([newest?.step, others], [10, []]);
  assert.deepEqual(readdirSync(recorder.checkpointsDir), ["step-000010"]);
  assert.deepEqual(read(newest?.dir ?? "", "sha256.json"), {
    "w.txt": sha256(small),
    moments: sha256(large),
  });
  await checkHashes(newest?.dir ?? "");
  writeFileSync(path.join(newest?.dir ?? "", "w.txt"), "w = 2");
  await assert.rejects(checkHashes(newest?.dir ?? ""), /w\.txt has changed since it was written/);
  await recorder.close({ status: "finished" });
});

test("it hears a request to stop, and after its folder was removed writes nothing and says so", async (t) => {
  const runDir = await makeRun(t);
  const recorder = await RunRecorder.open(runDir);
  assert.equal(await recorder.isStopRequested(), false);
  await writeControl(runDir, "stop");
  assert.equal(await recorder.isStopRequested(), true);
  await recorder.log("one more word");
  assert.match(readLog(runDir), /^\S+Z one more word\n$/);
  rmSync(runDir, { recursive: true });
  await assert.rejects(recorder.isStopRequested(), /was removed, or taken by another process/);
  assert.equal(recorder.lost.aborted, true);
  await assert.rejects(recorder.checkpoint(1, { write: () => Promise.resolve() }), /was removed/);
  await recorder.close({ status: "finished" });
  assert.ok(!existsSync(runDir));
});

test("a state that can't be read costs no run: it goes on by its checkpoints, and its log says so", async (t) => {
  const runDir = await makeRun(t);
  writeFileSync(path.join(runDir, "state.json"), '{"status": "runn');
  const recorder = await RunRecorder.open(runDir);
  assert.equal(recorder.state.createdAt, MADE_UP_RECIPE.source.createdAt);
  assert.match(readLog(runDir), /state\.json.*goes on by the checkpoints alone/);
  await recorder.close({ status: "stopped" });
});

test("a folder that is no run is refused as such", async (t) => {
  const dir = path.join(tempDir(t), "empty");
  await assert.rejects(RunRecorder.open(dir), /recipe\.json does not exist: not a run folder/);
  mkdirSync(dir);
  await assert.rejects(RunRecorder.open(dir), /recipe\.json does not exist: not a run folder/);
  assert.deepEqual(readdirSync(dir), []);
});
