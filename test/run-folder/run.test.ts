import assert from "node:assert/strict";
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { readRun } from "../../src/run-folder/run.ts";
import { resolveRecipe } from "../../src/runs/resolve-recipe.ts";
import { readInterpolation } from "../../src/runs/interpolations/interpolation.ts";
import { tinyWorkspace, writeRecipe } from "../support/retune.ts";

async function withRecipe(t: TestContext): Promise<() => string> {
  const recipe = JSON.stringify(await resolveRecipe(writeRecipe(tinyWorkspace(t))));
  const parent = mkdtempSync(path.join(tmpdir(), "retune-read-"));
  t.after(() => rmSync(parent, { recursive: true, force: true }));
  return () => {
    const dir = mkdtempSync(path.join(parent, "run-"));
    writeFileSync(path.join(dir, "recipe.json"), recipe);
    return dir;
  };
}

test("a run whose folder is removed while it is read is no run", async (t) => {
  const make = await withRecipe(t);
  for (let round = 0; round < 200; round++) {
    const dir = make();
    const [run] = await Promise.all([
      readRun(dir),
      sleep(round % 3).then(() => rmSync(dir, { recursive: true })),
    ]);
    assert.equal(run, undefined);
  }
});

test("a folder without state.json is a run once it is old enough", async (t) => {
  const dir = (await withRecipe(t))();
  assert.equal(await readRun(dir), undefined);
  const before = new Date(Date.now() - 60_000);
  utimesSync(dir, before, before);
  const run = await readRun(dir);
  assert.deepEqual([run?.status, run?.problem], ["failed", "state.json is missing"]);
  assert.equal(await readInterpolation(dir), undefined);
});
