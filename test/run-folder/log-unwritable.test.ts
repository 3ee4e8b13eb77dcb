/** A log that can't be written: what is trained, and which weights are kept, does not depend on it. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import type { RecipeInput } from "../../src/protocol/recipe.ts";
import { makeRun, readState, startTrainer, tinyWorkspace } from "../support/retune.ts";

/** With this rate the first evaluations are the best: the adapter is not the last weights. */
const CHANGE: Partial<RecipeInput> = {
  keepBest: true,
  epochs: 12,
  evalEvery: 4,
  optimizer: { learningRate: 0.1, schedule: "constant" },
};

test("a run whose log can't be written finishes with the same best weights, and says so once", async (t) => {
  const dir = tinyWorkspace(t);
  const [expected, runDir] = [await makeRun(dir, CHANGE), await makeRun(dir, CHANGE)];
  // Nothing can be appended to a folder.
  mkdirSync(path.join(runDir, "log.txt"));
  assert.equal((await (await startTrainer(expected)).finished).code, 0);
  const { code, stderr } = await (await startTrainer(runDir)).finished;
  const { status, bestStep, step, message } = readState(runDir);
  assert.deepEqual([status, message], ["finished", undefined]);
  assert.equal(code, 0);
  assert.ok(bestStep !== undefined && bestStep < step, `best ${bestStep} of ${step}`);
  const adapterOf = (run: string): Buffer =>
    readFileSync(path.join(run, "adapter/adapter_model.safetensors"));
  assert.ok(adapterOf(runDir).equals(adapterOf(expected)), "the adapter is another one");
  assert.deepEqual(stderr.match(/log\.txt: EISDIR/gu), ["log.txt: EISDIR"]);
});
