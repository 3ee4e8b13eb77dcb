import assert from "node:assert/strict";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { createRun } from "../../src/runs/create-run.ts";
import { resolveRecipe } from "../../src/runs/resolve-recipe.ts";
import { readRun } from "../../src/runs/run.ts";
import { tinyWorkspace, writeRecipe } from "../support/retune.ts";

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
