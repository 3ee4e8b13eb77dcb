import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import type { RecipeInput } from "../../src/protocol/recipe.ts";
import { resolveRecipe } from "../../src/runs/resolve-recipe.ts";
import { tinyWorkspace, writeRecipe } from "../support/retune.ts";

const LABELS = { type: "classification" } as const;

test("a head beside virtual tokens has a rate of its own, which the recipe may change", async (t) => {
  const dir = tinyWorkspace(t);
  const rates = async (change: Partial<RecipeInput>) =>
    (await resolveRecipe(writeRecipe(dir, change))).optimizer;
  const method = { type: "prompt-tuning" } as const;
  const { learningRate, learningRates } = await rates({ method, objective: LABELS, optimizer: {} });
  assert.deepEqual([learningRate, learningRates], [1e-2, { score: 1e-3 }]);
  const own = { learningRates: { "score.weight": 5e-2 } };
  const changed = await rates({ method, objective: LABELS, optimizer: own });
  // The last that matches counts.
  assert.deepEqual(Object.entries(changed.learningRates ?? {}), [
    ["score", 1e-3],
    ["score.weight", 5e-2],
  ]);
  assert.equal((await rates({ method, optimizer: {} })).learningRates, undefined);
  const lora = { type: "lora" } as const;
  assert.equal(
    (await rates({ method: lora, objective: LABELS, optimizer: {} })).learningRates,
    undefined,
  );
});

test("a recipe with a byte order mark is read, and other encodings are named", async (t) => {
  const file = writeRecipe(tinyWorkspace(t), { name: "Märchen" });
  const text = readFileSync(file, "utf8");
  writeFileSync(file, `\uFEFF${text}`);
  assert.equal((await resolveRecipe(file)).name, "Märchen");
  writeFileSync(file, Buffer.from(`\uFEFF${text}`, "utf16le"));
  await assert.rejects(resolveRecipe(file), /tiny\.retune\.json is UTF-16 text; save it as UTF-8$/);
  writeFileSync(file, Buffer.from(text, "latin1"));
  await assert.rejects(
    resolveRecipe(file),
    /tiny\.retune\.json:\d+: byte \d+ of the line, 0xE4, is not UTF-8/,
  );
  await assert.rejects(resolveRecipe(path.dirname(file)), /^InputError: recipe .* is a folder$/);
  await assert.rejects(resolveRecipe(`${file}.gone`), /^InputError: recipe .* does not exist$/);
});
