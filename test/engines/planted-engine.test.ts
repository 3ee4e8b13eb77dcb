/** An engine that is planted through the registries: its runs are started, shown, stopped, gone on with and finished. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, after, test } from "node:test";
import type { Engine } from "../../src/engines/engine.ts";
import { ENGINE_FACTS } from "../../src/protocol/engines.ts";
import type { RecipeInput } from "../../src/protocol/recipe.ts";
import { MetricsTail } from "../../src/run-folder/metrics-tail.ts";
import { readEngineRun } from "../../src/runs/engine-status.ts";
import { resolveRecipe } from "../../src/runs/resolve-recipe.ts";
import { RunActions } from "../../src/runs/run-actions.ts";
import { RunStore } from "../../src/runs/run-store.ts";
import { StartQueue } from "../../src/runs/start-queue.ts";
import { checkRecipe } from "../../src/ui/recipes/check-recipe.ts";
import { describeRun } from "../../src/ui/run-text.ts";
import { COUNTING_ENGINE, COUNTING_FACTS, plantEngine } from "../support/counting-engine.ts";
import { makeRun, readLog, readState, tinyWorkspace, writeRecipe } from "../support/retune.ts";
import { until } from "../support/until.ts";

/** As a window, which lives whether or not it waits for a process. */
const window = setInterval(() => undefined, 1_000);
after(() => clearInterval(window));

/** It has none of Retune's own programs. */
const actionsOf = (limits = { answerMs: 5_000, termMs: 1_000 }): RunActions =>
  new RunActions({ programs: { trainer: "/nowhere", cli: "/nowhere" }, limits });

const counting = (options: object): Partial<RecipeInput> => ({
  engine: { type: "counting", ...options },
});

async function openWindow(t: TestContext, runsDir: string) {
  const store = new RunStore();
  const actions = actionsOf();
  const errors: string[] = [];
  const queue = new StartQueue({
    store,
    start: (dir) => actions.start(dir),
    limit: () => 1,
    onError: (_, message) => errors.push(message),
  });
  t.after(() => {
    queue.dispose();
    store.dispose();
  });
  await store.setRoots([runsDir]);
  return { store, actions, queue, errors };
}

test("a run of an engine from outside starts, is shown, stops, goes on and finishes", async (t) => {
  plantEngine(t);
  const runDir = await makeRun(tinyWorkspace(t), counting({ steps: 400, stepMs: 10 }));
  const { store, actions, queue, errors } = await openWindow(t, path.dirname(runDir));
  assert.equal(store.get(runDir)?.problem, undefined);
  assert.deepEqual(store.get(runDir)?.recipe?.engine, {
    type: "counting",
    steps: 400,
    stepMs: 10,
  });
  assert.equal(await queue.add(runDir), "started");
  await until(() => readState(runDir).step > 5, "its steps");
  await store.refresh();
  const running = store.get(runDir);
  assert.ok(running);
  assert.equal(running.status, "running");
  assert.match(describeRun(running), /^\d+\/400 · loss 0\.\d+$/);
  const { metrics } = await new MetricsTail(path.join(runDir, "metrics.jsonl")).read();
  assert.ok(metrics.length > 4 && metrics.every(({ loss = 0, step }) => loss === 1 / step));
  await assert.rejects(actions.start(runDir), /is running already/);

  await actions.stop(runDir);
  await until(() => readState(runDir).status === "stopped", "its end");
  const stoppedAt = readState(runDir).step;
  assert.ok(stoppedAt < 400);
  await actions.start(runDir);
  await until(() => readState(runDir).status === "finished", "its end");
  assert.match(readLog(runDir), new RegExp(`goes on from step ${stoppedAt}\n`, "u"));
  await store.refresh();
  const finished = store.get(runDir);
  assert.equal(finished?.status, "finished");
  assert.equal(finished?.state?.step, 400);
  assert.ok(finished?.hasAdapter && finished.hasCheckpoint);
  assert.equal(readFileSync(path.join(runDir, "adapter/count.txt"), "utf8"), "400");
  assert.deepEqual(errors, []);
  await actions.delete(runDir);
});

test("two of them take turns in the queue", async (t) => {
  plantEngine(t);
  const dir = tinyWorkspace(t);
  const runs = [
    await makeRun(dir, counting({ steps: 10 })),
    await makeRun(dir, counting({ steps: 3 })),
  ];
  const { store, queue } = await openWindow(t, path.dirname(runs[0] ?? ""));
  assert.equal(await queue.add(runs[0] ?? ""), "started");
  assert.equal(await queue.add(runs[1] ?? ""), "queued");
  await until(async () => {
    await store.refresh();
    return runs.every((run) => readState(run).status === "finished");
  }, "both ends");
});

test("what contradicts it is told by editor and command line in its own words", async (t) => {
  plantEngine(t);
  const dir = tinyWorkspace(t);
  const told = async (change: Partial<RecipeInput>): Promise<string[]> =>
    (await checkRecipe(readFileSync(writeRecipe(dir, change), "utf8"), dir)).map(
      ({ message }) => message,
    );
  assert.deepEqual(await told({ engine: "counting" }), []);
  const full: Partial<RecipeInput> = { engine: "counting", method: { type: "full" } };
  assert.deepEqual(await told(full), ["engine counting has no method full; it has lora"]);
  const evaluated: Partial<RecipeInput> = { engine: "counting", earlyStop: { patience: 2 } };
  assert.deepEqual(await told(evaluated), [
    "engine counting evaluates nothing; leave earlyStop out",
  ]);
  await assert.rejects(
    resolveRecipe(writeRecipe(dir, evaluated)),
    /retune\.json:\d+: engine counting evaluates nothing; leave earlyStop out$/,
  );
});

test("an engine elsewhere says itself whether its run lives, and ends it itself", async (t) => {
  const ended: string[] = [];
  const elsewhere: Engine = {
    ...COUNTING_ENGINE,
    // Nothing runs here: the state names no process, and its heartbeat is as old as the last visit.
    status: (state) => Promise.resolve(state.status),
    end: (runDir) => {
      ended.push(runDir);
      return Promise.resolve("ended");
    },
  };
  plantEngine(t, elsewhere);
  const runDir = await makeRun(tinyWorkspace(t), counting({}));
  const at = new Date(Date.now() - 3_600_000).toISOString();
  const state = { status: "running", step: 3, createdAt: at, startedAt: at, heartbeatAt: at };
  writeFileSync(path.join(runDir, "state.json"), JSON.stringify(state));
  assert.equal((await readEngineRun(runDir))?.status, "running");
  const { store } = await openWindow(t, path.dirname(runDir));
  assert.equal(store.get(runDir)?.status, "running");
  await actionsOf({ answerMs: 0, termMs: 0 }).stop(runDir);
  await until(() => ended.length > 0, "its end");
  assert.deepEqual(ended, [runDir]);
});

test("an engine whose facts are known and whose program is not can't be started, and says why", async (t) => {
  plantEngine(t);
  t.after(ENGINE_FACTS.add({ ...COUNTING_FACTS, name: "lonely" }));
  const runDir = await makeRun(tinyWorkspace(t), { engine: "lonely" });
  await assert.rejects(actionsOf().start(runDir), /lonely.*known: onnx, counting/);
  assert.equal(readState(runDir).status, "queued");
});
