/** What a recipe will take, told by `retune inspect --recipe`. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import type { RecipeInput } from "../../src/protocol/recipe.ts";
import type { Budget, Calibration } from "../../src/trainer/budget.ts";
import { retune, tinyWorkspace, writeRecipe } from "../support/retune.ts";

async function inspected(
  dir: string,
  change: Partial<RecipeInput>,
  ...more: readonly string[]
): Promise<Budget & Partial<Calibration>> {
  const recipe = writeRecipe(dir, change);
  const { code, stdout, stderr } = await retune("inspect", "--recipe", recipe, "--json", ...more);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as Budget & Partial<Calibration>;
}

test("parts add up, and what is trained decides over gradients and optimizer", async (t) => {
  const dir = tinyWorkspace(t);
  const full = await inspected(dir, { method: { type: "full" } }, "--no-measure");
  const last = await inspected(dir, { method: { type: "freeze" }, trainLast: 1 }, "--no-measure");
  for (const { bytes, predictedBytes, trainableParameters } of [full, last]) {
    assert.equal(
      Object.values(bytes).reduce((sum, part) => sum + part, 0),
      predictedBytes,
    );
    // This run's, the last one's, and their sum.
    assert.equal(bytes.gradients, 12 * trainableParameters);
    assert.equal(bytes.optimizer, 12 * trainableParameters);
  }
  assert.equal(full.trainableParameters, full.totalParameters);
  assert.ok(last.trainableParameters < full.trainableParameters / 2);
  assert.equal(last.totalParameters, full.totalParameters);
  assert.ok(last.bytes.activations < full.bytes.activations);
  assert.equal(full.stepSeconds, undefined);
});

test("two real steps are timed, and nothing is written", async (t) => {
  const dir = tinyWorkspace(t);
  const { stepSeconds, steps, totalSeconds, measuredBytes, fits } = await inspected(dir, {});
  // 32 rows in steps of 8, for 7.5 epochs.
  assert.equal(steps, 30);
  assert.ok(stepSeconds! > 0 && measuredBytes! > 50e6);
  assert.ok(Math.abs(totalSeconds! / stepSeconds! - 30) < 1e-9);
  assert.equal(fits, true);
  assert.ok(!existsSync(path.join(dir, ".retune")) && !existsSync(path.join(dir, "runs")));
});

test("a person reads it in lines, and a bad recipe ends in one", async (t) => {
  const dir = tinyWorkspace(t);
  const { stdout } = await retune("inspect", "--recipe", writeRecipe(dir));
  assert.match(stdout, /^trains [\d.]+K? of [\d.]+K parameters \([\d.]+ %\)$/m);
  assert.match(stdout, /^ {2}activations +[\d.]+ [KM]B$/m);
  assert.match(stdout, /^measured: [\d.]+ s a step, 30 steps in about \d+ s, peak \d+ MB$/m);
  const bad = writeRecipe(dir, { method: { type: "freeze" }, freeze: ["layers.9"] });
  const refused = await retune("inspect", "--recipe", bad, "--no-measure");
  assert.equal(refused.code, 2);
  assert.match(
    refused.stderr,
    /^[^\n]*tiny\.retune\.json:\d+: freeze "layers\.9" matches no tensor/,
  );
  assert.equal(refused.stderr.trim().split("\n").length, 1);
});

test("a run says before its first step what it will take, and after two what is left", async (t) => {
  const dir = tinyWorkspace(t);
  const runDir = path.join(dir, "run");
  const { code, stderr } = await retune("train", writeRecipe(dir), "--run-dir", runDir);
  assert.equal(code, 0, stderr);
  const budget = /trains [\d.]+K? of [\d.]+K parameters .*predicted peak .*gradients .*process /;
  assert.match(stderr, budget);
  const log = readFileSync(path.join(runDir, "log.txt"), "utf8");
  assert.match(log, budget);
  assert.match(log, /[\d.e-]+ s a step, about .+ to go/);
});
