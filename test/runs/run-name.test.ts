import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { createRun } from "../../src/runs/create-run.ts";
import { resolveRecipe } from "../../src/runs/resolve-recipe.ts";
import { defaultRunName, freeRunName } from "../../src/runs/run-name.ts";
import { readRun } from "../../src/runs/run.ts";
import { tinyWorkspace, writeRecipe } from "../support/retune.ts";

test("a default name says base, method and data", () => {
  const name = (base: string, data: string) => defaultRunName({ base, method: "lora", data });
  assert.equal(name("/m/retune-tiny", "/d/dictionary-train.jsonl"), "retune-tiny-lora-dictionary");
  assert.equal(name("/m/SmolLM2-135M.gguf", "/d/train.jsonl"), "SmolLM2-135M-lora-train");
  assert.equal(name("/m/tiny", "/d/mails.csv.gz"), "tiny-lora-mails");
  assert.equal(name("/m/v1.5", "/d/strain.jsonl"), "v1.5-lora-strain");
});

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
