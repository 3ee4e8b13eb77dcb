import assert from "node:assert/strict";
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
