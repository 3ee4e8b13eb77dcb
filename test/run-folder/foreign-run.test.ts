/** A run of an engine that this version has not, by a process of that engine: listed, shown, stopped, kept. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { foreignGroup } from "../../media/run-panel/foreign-settings.ts";
import { headerView } from "../../media/run-panel/header-view.ts";
import { objectiveView } from "../../src/protocol/objectives.ts";
import type { Metric, RunState } from "../../src/protocol/run-folder.ts";
import { createRun } from "../../src/run-folder/create-run.ts";
import { MetricsTail } from "../../src/run-folder/metrics-tail.ts";
import { readRun } from "../../src/run-folder/run.ts";
import { readRunRecipe } from "../../src/run-folder/run-recipe.ts";
import { RunActions } from "../../src/runs/run-actions.ts";
import { type RunEvent, RunStore } from "../../src/runs/run-store.ts";
import { describeRun, figureOf } from "../../src/ui/run-text.ts";
import { MADE_UP_RECIPE } from "../support/made-up-recipe.ts";
import { readMetrics, readState } from "../support/retune.ts";
import { until } from "../support/until.ts";

const ENGINE = fileURLToPath(new URL("../support/made-up-engine.ts", import.meta.url));
/** As a window, which lives whether or not it waits for a process. */
const window = setInterval(() => undefined, 1_000);
after(() => clearInterval(window));

async function makeForeign(t: TestContext, change: object = {}): Promise<string> {
  const dir = mkdtempSync(path.join(tmpdir(), "retune-foreign-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return createRun({ recipe: { ...MADE_UP_RECIPE, ...change }, runsDir: path.join(dir, "runs") });
}

function startEngine(t: TestContext, runDir: string): ChildProcess {
  const child = spawn(process.execPath, ["--import", "tsx", ENGINE, runDir], { stdio: "inherit" });
  t.after(() => child.kill("SIGKILL"));
  return child;
}

const actionsOf = (trainer = "/nowhere/trainer.cjs"): RunActions =>
  new RunActions({ programs: { trainer, cli: "" }, limits: { answerMs: 5_000, termMs: 1_000 } });

const readRecipe = (runDir: string): Record<string, unknown> =>
  JSON.parse(readFileSync(path.join(runDir, "recipe.json"), "utf8")) as Record<string, unknown>;

test("a run of another engine is listed with its own words and its figures", async (t) => {
  const runDir = await makeForeign(t);
  const [code] = (await once(startEngine(t, runDir), "exit")) as [number];
  assert.equal(code, 0);
  const store = new RunStore();
  t.after(() => store.dispose());
  await store.setRoots([path.dirname(runDir)]);
  const [run] = store.runs();
  assert.ok(run?.foreign);
  assert.deepEqual([run.name, run.status, run.problem], ["walk-to-three", "finished", undefined]);
  const { base, engine, method, objective } = run.foreign;
  assert.deepEqual(
    [base, engine, method, objective],
    ["cloud-model-4", "cloud", "moe-lora", "minimise"],
  );
  assert.match(run.foreign.reason, /does not know engine "cloud", method "moe-lora"/);
  const { loss } = run.state ?? {};
  assert.ok(loss !== undefined && loss < 1e-6);
  assert.deepEqual(figureOf(run), { label: "loss", value: loss.toExponential(2) });
  assert.match(describeRun(run), / · moe-lora · /);
  const { metrics } = await new MetricsTail(path.join(runDir, "metrics.jsonl")).read();
  assert.equal(metrics.length, 40);
  assert.deepEqual([metrics[0]?.step, metrics[0]?.loss], [1, 9]);
});

test("its panel has the method's own word, every setting, and no button that this version can't serve", async (t) => {
  const runDir = await makeForeign(t);
  writeFileSync(
    path.join(runDir, "state.json"),
    JSON.stringify({ ...readState(runDir), status: "stopped" }),
  );
  const store = new RunStore();
  t.after(() => store.dispose());
  await store.setRoots([path.dirname(runDir)]);
  const [run] = store.runs();
  assert.ok(run?.foreign && run.state);
  const { name, status, state, foreign } = run;
  const view = headerView({
    runDir,
    name,
    status,
    state,
    foreign,
    objective: objectiveView(undefined),
    hasOutput: true,
    hasCheckpoint: true,
  });
  assert.equal(view.subtitle.text, "moe-lora · cloud-model-4");
  assert.deepEqual(
    view.buttons.map(({ action }) => action),
    ["openOutput", "showRecipe", "showLog"],
  );
  const { title, settings } = foreignGroup(foreign, undefined);
  assert.equal(title, "Recipe");
  const byLabel = new Map(settings.map(({ label, value }) => [label, value]));
  assert.equal(byLabel.get("method.experts"), "4");
  assert.equal(byLabel.get("engine.region"), "north");
  assert.equal(byLabel.get("data.shards"), "[1,2]");
  assert.equal(byLabel.get("Not resumed here"), foreign.reason);
});

test("it stops when it is asked to, goes on from its own checkpoint, and keeps all keys on the way", async (t) => {
  const runDir = await makeForeign(t, { steps: 400 });
  writeFileSync(
    path.join(runDir, "state.json"),
    JSON.stringify({ ...readState(runDir), queuePosition: 7 }),
  );
  const first = startEngine(t, runDir);
  await until(() => readState(runDir).step > 20, "its steps");
  const exited = once(first, "exit");
  await actionsOf().stop(runDir);
  await exited;
  const stopped = readState(runDir) as RunState & { queuePosition?: number; costUsd?: number };
  assert.equal(stopped.status, "stopped");
  assert.equal(stopped.queuePosition, 7);
  assert.equal(stopped.costUsd, stopped.step / 100);
  const recipe = readRecipe(runDir);
  assert.deepEqual(recipe, { ...MADE_UP_RECIPE, steps: 400, versions: { cloud: "4.1" } });
  // Its own process may go on with it; a request of last time is the starter's to take back.
  rmSync(path.join(runDir, "control.json"));
  const second = startEngine(t, runDir);
  await until(() => readState(runDir).step > stopped.step, "further steps");
  const steps = readMetrics(runDir).map(({ step }: Metric) => step);
  assert.deepEqual(
    steps.slice(0, 25),
    Array.from({ length: 25 }, (_, at) => at + 1),
  );
  second.kill("SIGKILL");
  await once(second, "exit");
});

test("killed, it is interrupted; this version's Resume and trainer refuse it and say why", async (t) => {
  const runDir = await makeForeign(t, { steps: 4000 });
  const child = startEngine(t, runDir);
  await until(() => readState(runDir).step > 2, "its steps");
  child.kill("SIGKILL");
  await once(child, "exit");
  assert.equal((await readRun(runDir))?.status, "interrupted");
  const before = [readRecipe(runDir), readState(runDir)];
  const reason = /does not know engine "cloud", method "moe-lora", objective "minimise"/;
  await assert.rejects(actionsOf().start(runDir), (error: Error) => {
    assert.match(error.message, /^walk-to-three can't be started: Retune /);
    assert.match(error.message, reason);
    return true;
  });
  await assert.rejects(readRunRecipe(runDir), reason);
  assert.deepEqual([readRecipe(runDir), readState(runDir)], before);
});

test("a process that was killed because it did not answer leaves its keys in the state", async (t) => {
  if (process.platform === "win32") return t.skip("there is no SIGSTOP there");
  const runDir = await makeForeign(t, { steps: 4000 });
  const child = startEngine(t, runDir);
  await until(() => readState(runDir).step > 2, "its steps");
  child.kill("SIGSTOP");
  const actions = new RunActions({
    programs: { trainer: "/nowhere", cli: "" },
    limits: { answerMs: 300, termMs: 300 },
  });
  await actions.stop(runDir);
  await until(() => readState(runDir).status === "stopped", "its end");
  const state = readState(runDir) as RunState & { costUsd?: number };
  assert.equal(state.costUsd, state.step / 100);
});

test("runs of both kinds stand in one list, newest first, and a change of either is told", async (t) => {
  const runDir = await makeForeign(t);
  const runsDir = path.dirname(runDir);
  const newer = await createRun({ recipe: { ...MADE_UP_RECIPE, method: { type: "x" } }, runsDir });
  for (const [dir, createdAt] of [
    [runDir, "2026-11-20T10:00:00.000Z"],
    [newer, "2026-11-21T10:00:00.000Z"],
  ] as const) {
    writeFileSync(path.join(dir, "state.json"), JSON.stringify({ ...readState(dir), createdAt }));
  }
  const store = new RunStore();
  t.after(() => store.dispose());
  await store.setRoots([runsDir]);
  assert.deepEqual(
    store.runs().map(({ name, foreign }) => [name, foreign?.method]),
    [
      ["walk-to-three-2", "x"],
      ["walk-to-three", "moe-lora"],
    ],
  );
  const events: RunEvent[] = [];
  store.onDidChange((event) => events.push(event));
  const state = { ...readState(runDir), status: "finished", cost: 3 };
  writeFileSync(path.join(runDir, "state.json"), JSON.stringify(state));
  await store.refresh();
  assert.deepEqual(
    events.map(({ type, run }) => [type, run.name, run.status]),
    [["changed", "walk-to-three", "finished"]],
  );
});
