import assert from "node:assert/strict";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { createRun } from "../../src/run-folder/create-run.ts";
import { resolveRecipe } from "../../src/runs/resolve-recipe.ts";
import { readRun } from "../../src/run-folder/run.ts";
import { tinyWorkspace, writeRecipe } from "../support/retune.ts";

test("runs of one name and second get folders of their own, each whole and queued", async (t) => {
  const dir = tinyWorkspace(t);
  const recipe = { ...(await resolveRecipe(writeRecipe(dir))), name: "Ünïcode & Söhne / v2" };
  const runsDir = path.join(dir, "runs");
  const made = [await createRun({ recipe, runsDir }), await createRun({ recipe, runsDir })];
  assert.equal(new Set(made).size, 2);
  const names = [recipe.name, `${recipe.name}-2`];
  for (const [index, runDir] of made.entries()) {
    assert.match(path.basename(runDir), /^unicode-sohne-v2-\d{8}-\d{6}(-\d+)?$/);
    assert.deepEqual(readdirSync(runDir).toSorted(), ["recipe.json", "state.json"]);
    const run = await readRun(runDir);
    assert.equal(run?.status, "queued");
    assert.equal(run?.name, names[index]);
    assert.equal(run?.problem, undefined);
  }
  assert.deepEqual(
    readdirSync(runsDir).toSorted(),
    made.map((each) => path.basename(each)).toSorted(),
  );
});

test("a folder with something in it is not taken over", async (t) => {
  const dir = tinyWorkspace(t);
  const recipe = await resolveRecipe(writeRecipe(dir));
  const runDir = path.join(dir, "mine");
  mkdirSync(runDir);
  writeFileSync(path.join(runDir, "notes.txt"), "precious");
  await assert.rejects(createRun({ recipe, runsDir: dir, runDir }), /exists and is not empty/);
  assert.equal(readFileSync(path.join(runDir, "notes.txt"), "utf8"), "precious");
});

test("runs of one name that are made at the same moment all get a folder", async (t) => {
  const dir = tinyWorkspace(t);
  const recipe = await resolveRecipe(writeRecipe(dir));
  const runsDir = path.join(dir, "runs");
  // What a process of the same id, killed in another life, left.
  mkdirSync(path.join(runsDir, `left.${process.pid}.tmp`), { recursive: true });
  const made = await Promise.all(Array.from({ length: 6 }, () => createRun({ recipe, runsDir })));
  assert.equal(new Set(made).size, 6);
});
