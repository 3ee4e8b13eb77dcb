import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { createRun } from "../../../src/run-folder/create-run.ts";
import { resolveRecipe } from "../../../src/runs/resolve-recipe.ts";
import { withTrainingDataMarked } from "../../../src/runs/interpolations/training-data.ts";
import { MADE_UP_RECIPE } from "../../support/made-up-recipe.ts";
import { tinyWorkspace, writeRecipe } from "../../support/retune.ts";
import { tempDir } from "../../support/temp-dir.ts";

test("the run's training file is known by its place and by its bytes", async (t) => {
  const dir = tinyWorkspace(t);
  const resolved = await resolveRecipe(writeRecipe(dir));
  const { train } = resolved.data;
  const recipe = {
    ...resolved,
    hashes: { [train]: createHash("sha256").update(readFileSync(train)).digest("hex") },
  };
  const run = await createRun({ recipe, runsDir: path.join(dir, "runs") });
  const place = (name: string) => path.join(dir, name);
  copyFileSync(train, place("copy.jsonl"));
  symlinkSync(train, place("link.jsonl"));
  writeFileSync(place("other.jsonl"), '{"text": "a"}\n');
  const data = [train, place("copy.jsonl"), place("link.jsonl"), place("other.jsonl")].map(
    (file) => ({ name: path.basename(file), file, role: "validation" as const }),
  );
  const marked = await withTrainingDataMarked(data, path.join(run, "adapter"));
  assert.deepEqual(
    marked.map(({ isTrainingData = false }) => isTrainingData),
    [true, true, true, false],
  );
  mkdirSync(place("elsewhere"));
  assert.deepEqual(await withTrainingDataMarked(data, place("elsewhere/adapter")), data);
});

test("so is that of another engine's run, where it names a file", async (t) => {
  const dir = tempDir(t);
  const train = path.join(dir, "train.jsonl");
  writeFileSync(train, '{"text": "a"}\n');
  const data = [{ name: "train", file: train, role: "validation" as const }];
  const runsDir = path.join(dir, "runs");
  const recipe = { ...MADE_UP_RECIPE, data: { train } };
  const run = await createRun({ recipe, runsDir });
  const [marked] = await withTrainingDataMarked(data, path.join(run, "model"));
  assert.equal(marked?.isTrainingData, true);
  const named = await createRun({ recipe: MADE_UP_RECIPE, runsDir });
  assert.deepEqual(await withTrainingDataMarked(data, path.join(named, "model")), data);
});
