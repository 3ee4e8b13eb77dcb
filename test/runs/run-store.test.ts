/** What a window hears of runs, from the folders that a real process writes. */
import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { createRun } from "../../src/run-folder/create-run.ts";
import { spawnDetached } from "../../src/run-folder/spawn-detached.ts";
import { type RunEvent, RunStore } from "../../src/runs/run-store.ts";
import { MADE_UP_RECIPE } from "../support/made-up-recipe.ts";
import { readState } from "../support/retune.ts";
import { tempDir } from "../support/temp-dir.ts";
import { until } from "../support/until.ts";

const ENGINE = fileURLToPath(new URL("../support/made-up-engine.ts", import.meta.url));

function open(t: TestContext): { runsDir: string; store: RunStore; events: RunEvent[] } {
  const runsDir = path.join(tempDir(t), "runs");
  const store = new RunStore({ activePollMs: 50, idlePollMs: 200 });
  t.after(() => store.dispose());
  const events: RunEvent[] = [];
  store.onDidChange((event) => events.push(event));
  return { runsDir, store, events };
}

test("a run is added, runs, grows its metrics and its log, and finishes, without a refresh", async (t) => {
  const { runsDir, store, events } = open(t);
  await store.setRoots([runsDir]);
  const dir = await createRun({ recipe: { ...MADE_UP_RECIPE, stepMs: 30 }, runsDir });
  const args = ["--import", import.meta.resolve("tsx"), ENGINE, dir];
  spawnDetached(args, { dir, logFile: "log.txt" });
  await until(() => store.get(dir)?.status === "finished", "its end");
  const told = events.map(({ type, run }) =>
    type === "changed" || type === "added" ? `${type} ${run.status}` : type,
  );
  assert.equal(told[0], "added queued");
  for (const each of ["changed running", "metrics", "log", "changed finished"]) {
    assert.ok(told.includes(each), `${each} of ${told.join(", ")}`);
  }
  assert.ok(told.indexOf("changed running") < told.indexOf("changed finished"));
  assert.ok(events.every(({ run }) => run.dir === dir));
});

test("a run whose process was killed becomes interrupted, though no file has changed", async (t) => {
  const { runsDir, store } = open(t);
  const dir = await createRun({ recipe: { ...MADE_UP_RECIPE, steps: 4000 }, runsDir });
  const args = ["--import", import.meta.resolve("tsx"), ENGINE, dir];
  const { pid } = spawnDetached(args, { dir, logFile: "log.txt" });
  await store.setRoots([runsDir]);
  await until(() => store.get(dir)?.status === "running", "its start");
  process.kill(pid ?? 0, "SIGKILL");
  await until(() => store.get(dir)?.status === "interrupted", "that it is gone");
  assert.equal(readState(dir).status, "running");
});

test("a result, a checkpoint and the removal of a run are told", async (t) => {
  const { runsDir, store, events } = open(t);
  const dir = await createRun({ recipe: MADE_UP_RECIPE, runsDir });
  const state = { ...readState(dir), status: "stopped" };
  writeFileSync(path.join(dir, "state.json"), JSON.stringify(state));
  await store.setRoots([runsDir]);
  const has = () => {
    const run = store.get(dir);
    return [run?.hasAdapter, run?.hasModel, run?.hasCheckpoint];
  };
  assert.deepEqual(has(), [false, false, false]);
  mkdirSync(path.join(dir, "checkpoints", "step-000010"), { recursive: true });
  mkdirSync(path.join(dir, "adapter"));
  await store.refresh();
  assert.deepEqual(has(), [true, false, true]);
  rmSync(dir, { recursive: true });
  await store.refresh();
  assert.deepEqual(store.runs(), []);
  assert.deepEqual([events.at(0)?.type, events.at(-1)?.type], ["added", "removed"]);
});

test("runs stand newest first, also one whose state can't be read", async (t) => {
  const { runsDir, store } = open(t);
  const made: string[] = [];
  for (const day of [20, 22, 21]) {
    const createdAt = `2026-11-${day}T10:00:00.000Z`;
    const recipe = { ...MADE_UP_RECIPE, name: `day-${day}`, source: { createdAt } };
    const dir = await createRun({ recipe, runsDir });
    const text = day === 22 ? "{" : JSON.stringify({ ...readState(dir), createdAt });
    writeFileSync(path.join(dir, "state.json"), text);
    made.push(dir);
  }
  await store.setRoots([runsDir]);
  assert.deepEqual(
    store.runs().map(({ name }) => name),
    ["day-22", "day-21", "day-20"],
  );
  const [broken] = store.runs();
  assert.deepEqual([broken?.status, broken?.state], ["failed", undefined]);
  assert.match(broken?.problem ?? "", /^state\.json:1:/);
  assert.equal(made.length, 3);
});
