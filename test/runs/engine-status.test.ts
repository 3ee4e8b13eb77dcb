import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import type { RunState } from "../../src/protocol/run-folder.ts";
import { createRun } from "../../src/run-folder/create-run.ts";
import { engineStatus, readEngineRun } from "../../src/runs/engine-status.ts";
import { resolveRecipe } from "../../src/runs/resolve-recipe.ts";
import { COUNTING_ENGINE, plantEngine } from "../support/counting-engine.ts";
import { MADE_UP_RECIPE } from "../support/made-up-recipe.ts";
import { tinyWorkspace, writeRecipe } from "../support/retune.ts";

const SILENT: RunState = {
  status: "running",
  step: 4,
  createdAt: "2026-11-20T10:00:00.000Z",
  heartbeatAt: "2026-11-20T10:00:00.000Z",
};

test("an engine that says what a status means is asked, of any other the heartbeat is", async (t) => {
  plantEngine(t, { ...COUNTING_ENGINE, status: (state) => Promise.resolve(state.status) });
  assert.equal(await engineStatus(SILENT, { engine: { type: "counting" } }), "running");
  for (const recipe of [{ engine: "onnx" }, { engine: "cloud" }, undefined]) {
    assert.equal(await engineStatus(SILENT, recipe), "interrupted");
  }
  const beating = { ...SILENT, heartbeatAt: new Date().toISOString() };
  assert.equal(await engineStatus(beating, { engine: "cloud" }), "running");
});

test("a run is read with its engine's word on it", async (t) => {
  const dir = tinyWorkspace(t);
  const runsDir = path.join(dir, "runs");
  plantEngine(t, { ...COUNTING_ENGINE, status: () => Promise.resolve("running") });
  const recipe = await resolveRecipe(writeRecipe(dir, { engine: { type: "counting" } }));
  for (const [made, status] of [
    [await createRun({ recipe, runsDir }), "running"],
    [await createRun({ recipe: MADE_UP_RECIPE, runsDir }), "interrupted"],
  ] as const) {
    writeFileSync(path.join(made, "state.json"), JSON.stringify(SILENT));
    assert.equal((await readEngineRun(made))?.status, status);
  }
});
