/** A run killed at any step goes on as if nothing had happened. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  existsSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { RecipeInput } from "../../src/protocol/recipe.ts";
import type { Metric } from "../../src/protocol/run-folder.ts";
import { readRunRecipe } from "../../src/run-folder/run-recipe.ts";
import { readRun } from "../../src/run-folder/run.ts";
import {
  makeRun,
  readLog,
  readMetrics,
  readState,
  startTrainer,
  tinyWorkspace,
  untilStep,
} from "../support/retune.ts";

/** Long enough that a process can be killed in the middle of it; on two threads, whose sums have one order too. */
const LONG: Partial<RecipeInput> = { epochs: 50, evalEvery: 7, saveEvery: 10, threads: 2 };

/** What must be the same whenever and wherever a run is resumed: all but the clock and the memory. */
function reproducible(metrics: readonly Metric[]): Partial<Metric>[] {
  return metrics.map((metric) => {
    const kept: Partial<Metric> = { ...metric };
    delete kept.elapsedMs;
    delete kept.tokensPerSecond;
    delete kept.rssBytes;
    return kept;
  });
}

async function undisturbed(t: TestContext): Promise<{ dir: string; expected: string }> {
  const dir = tinyWorkspace(t);
  const expected = await makeRun(dir, LONG);
  assert.equal((await (await startTrainer(expected)).finished).code, 0);
  return { dir, expected };
}

test("killed at random steps and resumed: metrics and adapter equal an undisturbed run's", async (t) => {
  const { dir, expected } = await undisturbed(t);
  const runDir = await makeRun(dir, LONG);
  const kills = [3, 10, 27, 64].map((step) => step + Math.floor(Math.random() * 8));
  t.diagnostic(`killed after metric lines ${kills.join(", ")}`);
  for (const step of kills) {
    const { child, finished } = await startTrainer(runDir);
    await untilStep(runDir, step);
    child.kill("SIGKILL");
    assert.equal((await finished).signal, "SIGKILL");
    assert.equal((await readRun(runDir))?.status, "interrupted");
  }
  assert.equal((await (await startTrainer(runDir)).finished).code, 0);
  assert.equal(readState(runDir).status, "finished");
  assert.deepEqual(reproducible(readMetrics(runDir)), reproducible(readMetrics(expected)));
  const adapter = (run: string): Buffer =>
    readFileSync(path.join(run, "adapter/adapter_model.safetensors"));
  assert.ok(adapter(runDir).equals(adapter(expected)), "the adapters differ");
});

test("stopped by control.json and by SIGTERM: saved at that very step, and resumes from it", async (t) => {
  const { dir, expected } = await undisturbed(t);
  const runDir = await makeRun(dir, LONG);
  const first = await startTrainer(runDir);
  await untilStep(runDir, 12);
  const control = { request: "stop", requestedAt: new Date().toISOString() };
  writeFileSync(path.join(runDir, "control.json"), JSON.stringify(control));
  assert.equal((await first.finished).code, 1);
  const stopped = readState(runDir);
  assert.equal(stopped.status, "stopped");
  assert.ok(existsSync(path.join(runDir, "adapter/adapter_config.json")));
  const newest = readdirSync(path.join(runDir, "checkpoints")).toSorted().at(-1);
  assert.equal(newest, `step-${String(stopped.step).padStart(6, "0")}`);

  rmSync(path.join(runDir, "control.json"));
  const second = await startTrainer(runDir);
  await untilStep(runDir, stopped.step + 20);
  second.child.kill("SIGTERM");
  assert.equal((await second.finished).code, 1);
  assert.equal(readState(runDir).status, "stopped");
  assert.equal((await (await startTrainer(runDir)).finished).code, 0);
  assert.deepEqual(reproducible(readMetrics(runDir)), reproducible(readMetrics(expected)));
});

test("a broken newest checkpoint is passed over for the one before it", async (t) => {
  const { dir, expected } = await undisturbed(t);
  const runDir = await makeRun(dir, LONG);
  const { child, finished } = await startTrainer(runDir);
  await untilStep(runDir, 35);
  child.kill("SIGKILL");
  await finished;
  const [newest = ""] = readdirSync(path.join(runDir, "checkpoints")).toSorted().toReversed();
  truncateSync(path.join(runDir, "checkpoints", newest, "optimizer.safetensors"), 1000);
  assert.equal((await (await startTrainer(runDir)).finished).code, 0);
  assert.match(readLog(runDir), new RegExp(`${newest} can't be used`));
  assert.deepEqual(reproducible(readMetrics(runDir)), reproducible(readMetrics(expected)));
});

test("refuses when every checkpoint is broken, and when the data changed meanwhile", async (t) => {
  const dir = tinyWorkspace(t);
  const runDir = await makeRun(dir, LONG);
  const { child, finished } = await startTrainer(runDir);
  await untilStep(runDir, 15);
  child.kill("SIGKILL");
  await finished;
  const data = path.join(dir, "data.jsonl");
  const rows = readFileSync(data, "utf8");
  writeFileSync(data, rows.replace("squared", "cubed"));
  assert.equal((await (await startTrainer(runDir)).finished).code, 1);
  assert.match(readState(runDir).message ?? "", /data\.jsonl has changed since this run began/);
  writeFileSync(data, rows);
  for (const name of readdirSync(path.join(runDir, "checkpoints"))) {
    truncateSync(path.join(runDir, "checkpoints", name, "trainer-state.json"), 5);
  }
  const metrics = readFileSync(path.join(runDir, "metrics.jsonl"), "utf8");
  assert.equal((await (await startTrainer(runDir)).finished).code, 1);
  assert.match(readState(runDir).message ?? "", /none of its checkpoints can be read/);
  assert.equal(readFileSync(path.join(runDir, "metrics.jsonl"), "utf8"), metrics);
});

test("no checkpoint without the hashes of data and base, and a changed base is refused", async (t) => {
  const dir = tinyWorkspace(t);
  const runDir = await makeRun(dir, LONG);
  const { child, finished } = await startTrainer(runDir);
  const checkpoints = path.join(runDir, "checkpoints");
  while (!existsSync(checkpoints) || readdirSync(checkpoints).length === 0) await sleep(1);
  child.kill("SIGKILL");
  await finished;
  const { base, data, hashes = {} } = await readRunRecipe(runDir);
  const weights = path.join(base, "model.safetensors");
  for (const file of [weights, data.train]) {
    assert.equal(hashes[file], createHash("sha256").update(readFileSync(file)).digest("hex"), file);
  }
  const bytes = readFileSync(weights);
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  writeFileSync(weights, bytes);
  assert.equal((await (await startTrainer(runDir)).finished).code, 1);
  assert.match(readState(runDir).message ?? "", /model\.safetensors has changed since this run/);
});

test("a second process is refused while the first trains, and the first is not disturbed", async (t) => {
  const dir = tinyWorkspace(t);
  const runDir = await makeRun(dir, LONG);
  const first = await startTrainer(runDir);
  await untilStep(runDir, 2);
  const second = await (await startTrainer(runDir)).finished;
  assert.equal(second.code, 2);
  assert.match(second.stderr, /process \d+ is training this run already/);
  assert.equal((await first.finished).code, 0);
});

test("early stopping ends the run as finished and keeps the best weights", async (t) => {
  const dir = tinyWorkspace(t);
  const runDir = await makeRun(dir, {
    epochs: 200,
    evalEvery: 5,
    optimizer: { learningRate: 0.1, schedule: "constant" },
    earlyStop: { patience: 3 },
  });
  assert.equal((await (await startTrainer(runDir)).finished).code, 0);
  const state = readState(runDir);
  assert.equal(state.status, "finished");
  assert.match(state.message ?? "", /stopped early/);
  const evaluations = readMetrics(runDir).flatMap(({ step, evalLoss }) =>
    evalLoss === undefined || step === 0 ? [] : [{ step, evalLoss }],
  );
  const best = evaluations.reduce((a, b) => (b.evalLoss < a.evalLoss ? b : a));
  assert.equal(state.bestStep, best.step);
  assert.equal(evaluations.at(-1)?.step, best.step + 15);
  const file = (folder: string): Buffer =>
    readFileSync(path.join(runDir, folder, "adapter_model.safetensors"));
  const checkpoint = `checkpoints/step-${String(best.step).padStart(6, "0")}`;
  assert.ok(file("adapter").equals(file(checkpoint)), "the adapter is not the best one's");
});

test("a loss that is no number ends the run with the remedy and leaves the checkpoint before it", async (t) => {
  const dir = tinyWorkspace(t);
  const runDir = await makeRun(dir, {
    saveEvery: 1,
    method: { type: "full" },
    optimizer: { learningRate: 1e6, weightDecay: 1, maxGradNorm: 0, schedule: "constant" },
  });
  assert.equal((await (await startTrainer(runDir)).finished).code, 1);
  const { status, message = "" } = readState(runDir);
  assert.equal(status, "failed");
  assert.match(message, /became (NaN|Infinity) at step \d+.*lower optimizer\.learningRate/);
});
