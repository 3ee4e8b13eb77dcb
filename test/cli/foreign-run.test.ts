/** `retune inspect` and `resume` on a run of an engine that this version has not. */
import assert from "node:assert/strict";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { createRun } from "../../src/run-folder/create-run.ts";
import { MADE_UP_RECIPE } from "../support/made-up-recipe.ts";
import { readState, retune } from "../support/retune.ts";
import { tempDir } from "../support/temp-dir.ts";

const REASON = /does not know engine "cloud", method "moe-lora", objective "minimise"/;

test("inspect shows its own words, resume refuses it with the reason and changes nothing", async (t) => {
  const runDir = await createRun({
    recipe: MADE_UP_RECIPE,
    runsDir: path.join(tempDir(t), "runs"),
  });
  const state = { ...readState(runDir), status: "stopped", step: 3, totalSteps: 9, loss: 0.5 };
  writeFileSync(path.join(runDir, "state.json"), JSON.stringify(state));
  const before = readFileSync(path.join(runDir, "recipe.json"), "utf8");
  const { code, stdout } = await retune("inspect", runDir);
  assert.equal(code, 0);
  for (const line of [
    "walk-to-three: stopped",
    "step 3 of 9",
    "base cloud-model-4",
    "engine cloud",
    "method moe-lora",
    "objective minimise",
  ]) {
    assert.ok(stdout.split("\n").includes(line), `${line} in\n${stdout}`);
  }
  assert.match(stdout, REASON);
  const resumed = await retune("resume", runDir);
  assert.equal(resumed.code, 2);
  assert.match(resumed.stderr, REASON);
  assert.equal(resumed.stderr.trimEnd().split("\n").length, 1, resumed.stderr);
  assert.equal(readFileSync(path.join(runDir, "recipe.json"), "utf8"), before);
  assert.deepEqual(readState(runDir), state);
  assert.deepEqual(readdirSync(runDir).toSorted(), ["recipe.json", "state.json"]);
});
