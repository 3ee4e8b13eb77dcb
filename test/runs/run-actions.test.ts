/** Which engine a run is started by, and what is refused before any is asked. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, after, test } from "node:test";
import { createRun } from "../../src/run-folder/create-run.ts";
import { resolveRecipe } from "../../src/runs/resolve-recipe.ts";
import { RunActions } from "../../src/runs/run-actions.ts";
import { COUNTING_FACTS, plantEngine } from "../support/counting-engine.ts";
import { ENGINE_FACTS } from "../../src/protocol/engines.ts";
import { readMetrics, readState, tinyWorkspace, writeRecipe } from "../support/retune.ts";
import { until } from "../support/until.ts";

/** As a window, which lives whether or not it waits for a process. */
const window = setInterval(() => undefined, 1_000);
after(() => clearInterval(window));

const actionsOf = (): RunActions =>
  new RunActions({ programs: { trainer: "/nowhere/trainer.cjs", cli: "/nowhere/cli.cjs" } });

/** A run of the counting engine, which the caller plants. */
async function countingRun(t: TestContext): Promise<string> {
  const forget = ENGINE_FACTS.add(COUNTING_FACTS);
  const dir = tinyWorkspace(t);
  const engine = { type: "counting", steps: 6, stepMs: 5 };
  const recipe = await resolveRecipe(writeRecipe(dir, { engine }));
  forget();
  return createRun({ recipe, runsDir: path.join(dir, "runs") });
}

test("a run is started by the engine that its recipe names, and by none where that is not there", async (t) => {
  const runDir = await countingRun(t);
  await assert.rejects(actionsOf().start(runDir), /can't be started: .*not know engine "counting"/);
  assert.equal(readState(runDir).status, "queued");
  plantEngine(t);
  await actionsOf().start(runDir);
  await until(() => readState(runDir).status === "finished", "its end");
  assert.equal(readMetrics(runDir).length, 6);
});

test("a run whose state alone can't be read is started, one without a recipe is not", async (t) => {
  plantEngine(t);
  const dir = tinyWorkspace(t);
  const engine = { type: "counting", steps: 3, stepMs: 1 };
  const recipe = await resolveRecipe(writeRecipe(dir, { engine }));
  const runDir = await createRun({ recipe, runsDir: path.join(dir, "runs") });
  const file = path.join(runDir, "recipe.json");
  const text = readFileSync(file, "utf8");
  for (const [broken, reason] of [
    ["{", /can't be started: recipe\.json:1:/],
    [JSON.stringify({ ...recipe, seed: "x" }), /can't be started: recipe\.json: seed: /],
    [JSON.stringify({ ...recipe, ladder: 1 }), /can't be started: .* does not know ladder$/],
  ] as const) {
    writeFileSync(file, broken);
    await assert.rejects(actionsOf().start(runDir), reason);
  }
  rmSync(file);
  await assert.rejects(actionsOf().start(runDir), /can't be started: recipe\.json is missing$/);
  writeFileSync(file, text);
  writeFileSync(path.join(runDir, "state.json"), "{");
  await actionsOf().start(runDir);
  await until(
    () => readFileSync(path.join(runDir, "state.json"), "utf8").includes("finished"),
    "its end",
  );
});

test("a folder that is no run is named", async (t) => {
  const dir = path.join(tinyWorkspace(t), "empty");
  mkdirSync(dir);
  await assert.rejects(actionsOf().start(dir), /empty is not a run folder \(no state\.json\)$/);
});
