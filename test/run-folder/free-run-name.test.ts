import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { createRun } from "../../src/run-folder/create-run.ts";
import { freeRunName } from "../../src/run-folder/free-run-name.ts";
import { readRun } from "../../src/run-folder/run.ts";
import { resolveRecipe } from "../../src/runs/resolve-recipe.ts";
import { tinyWorkspace, writeRecipe } from "../support/retune.ts";

test("runs of one recipe are told apart by a number", async (t) => {
  const dir = tinyWorkspace(t);
  const runsDir = path.join(dir, "runs");
  const recipe = await resolveRecipe(writeRecipe(dir, { name: "tone" }));
  const names: (string | undefined)[] = [];
  for (let run = 0; run < 3; run++) {
    names.push((await readRun(await createRun({ recipe, runsDir })))?.name);
  }
  assert.deepEqual(names, ["tone", "tone-2", "tone-3"]);
});

test("a folder whose recipe can't be read takes no name", async (t) => {
  const dir = tinyWorkspace(t);
  for (const [run, text] of Object.entries({ a: "{", b: "null", c: '{"name": "tone"}' })) {
    mkdirSync(path.join(dir, "runs", run), { recursive: true });
    writeFileSync(path.join(dir, "runs", run, "recipe.json"), text);
  }
  assert.equal(await freeRunName(path.join(dir, "runs"), "tone"), "tone-2");
  assert.equal(await freeRunName(path.join(dir, "nowhere"), "tone"), "tone");
});
