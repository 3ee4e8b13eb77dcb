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

test("a resolved recipe has absolute paths and no default left open", async (t) => {
  const dir = tinyWorkspace(t);
  const file = path.join(dir, "tone.retune.json");
  writeFileSync(
    file,
    '// comments and trailing commas are fine\n{ "base": "model", "data": { "train": "data.jsonl", }, }',
  );
  const recipe = await resolveRecipe(file);
  assert.equal(recipe.name, "tone");
  assert.equal(recipe.base, path.join(dir, "model"));
  assert.equal(recipe.data.train, path.join(dir, "data.jsonl"));
  assert.deepEqual(recipe.method, {
    type: "lora",
    rank: 8,
    alpha: 16,
    dropout: 0,
    targets: "all-linear",
    variant: "lora",
  });
  assert.equal(recipe.optimizer.learningRate, 2e-4);
  assert.equal(recipe.source.recipePath, file);
});

test("each method has a learning rate of its own", async (t) => {
  const dir = tinyWorkspace(t);
  const rate = async (method: Parameters<typeof writeRecipe>[1]): Promise<number> =>
    (await resolveRecipe(writeRecipe(dir, { optimizer: {}, ...method }))).optimizer.learningRate;
  assert.equal(await rate({ method: { type: "lora" } }), 2e-4);
  assert.equal(await rate({ method: { type: "full" } }), 2e-5);
  assert.equal(await rate({ method: { type: "freeze" }, trainFirst: 1 }), 2e-5);
  assert.equal(await rate({ method: { type: "full", init: "random" } }), 1e-3);
});

test("what is frozen must be said for method freeze, and not for full", async (t) => {
  const dir = tinyWorkspace(t);
  const refused = (change: Parameters<typeof writeRecipe>[1], message: RegExp): Promise<void> =>
    assert.rejects(resolveRecipe(writeRecipe(dir, change)), message);
  await refused({ method: { type: "freeze" } }, /retune\.json:3: method freeze needs freeze, /);
  await refused(
    { method: { type: "full" }, trainLast: 1 },
    /retune\.json:\d+: trainLast contradicts method full/,
  );
  await refused({ freeze: ["!!mlp"] }, /retune\.json:\d+: freeze\.0: a pattern/);
  const recipe = await resolveRecipe(
    writeRecipe(dir, { method: { type: "freeze" }, trainLast: 1 }),
  );
  assert.equal(recipe.trainLast, 1);
});

test("eval and evalSplit exclude each other, and the line says where", async (t) => {
  const dir = tinyWorkspace(t);
  const file = writeRecipe(dir, {
    data: { train: "data.jsonl", eval: "data.jsonl", evalSplit: 0.1 },
  });
  await assert.rejects(resolveRecipe(file), /retune\.json:\d+: data\.eval and data\.evalSplit/);
});

test("quantization is for LoRA only, and the line says where", async (t) => {
  const dir = tinyWorkspace(t);
  const file = writeRecipe(dir, { method: { type: "full" }, quantization: "int8" });
  await assert.rejects(resolveRecipe(file), /retune\.json:\d+: quantization is for method lora/);
  assert.equal((await resolveRecipe(writeRecipe(dir))).quantization, "none");
});
