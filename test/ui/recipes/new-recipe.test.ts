import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { parse } from "jsonc-parser";
import { recipeSchema } from "../../../src/protocol/recipe.ts";
import {
  countRows,
  evaluationFileBeside,
  maxPositions,
} from "../../../src/ui/recipes/recipe-inputs.ts";
import { methodChoices } from "../../../src/ui/recipes/method-choices.ts";
import { newRecipe, recipeText } from "../../../src/ui/recipes/recipe-text.ts";

const METHOD_CHOICES = methodChoices();

const folder = mkdtempSync(path.join(tmpdir(), "retune-recipe-"));
after(() => rmSync(folder, { recursive: true }));

function write(file: string, text: string): string {
  const place = path.join(folder, file);
  mkdirSync(path.dirname(place), { recursive: true });
  writeFileSync(place, text);
  return place;
}

test("a new recipe is valid, and its paths travel with the folder", () => {
  const recipe = newRecipe({
    name: "first",
    base: path.join(folder, "models/tiny"),
    data: path.join(folder, "data/rows.jsonl"),
    folder,
    method: METHOD_CHOICES[0]!.recipe,
  });
  assert.deepEqual(recipeSchema.parse(parse(recipeText(recipe))).name, "first");
  assert.equal(recipe.base, "models/tiny");
  assert.equal(recipe.data.train, "data/rows.jsonl");
  assert.equal(recipe.data.evalSplit, 0.1);
});

test("every method that is offered makes a valid recipe, with its own learning rate", () => {
  const rates = METHOD_CHOICES.map(({ recipe: method, label, detail }) => {
    assert.ok(detail.length < 100 && label.length < 20, label);
    const options = { name: "x", base: folder, data: path.join(folder, "a.jsonl"), folder };
    const written = parse(recipeText(newRecipe({ ...options, method })));
    return recipeSchema.parse(written).optimizer.learningRate;
  });
  assert.ok(new Set(rates).size >= 5, rates.join());
});

test("what lies outside the folder is named by its absolute path", () => {
  const base = path.resolve(folder, "../elsewhere");
  const recipe = newRecipe({
    name: "x",
    base,
    method: METHOD_CHOICES[0]!.recipe,
    data: path.join(folder, "a.jsonl"),
    folder,
  });
  assert.equal(recipe.base, base);
});

test("rows are no longer than the base model takes", async () => {
  write("small/config.json", '{"max_position_embeddings": 128}');
  const method = METHOD_CHOICES[0]!.recipe;
  const options = { name: "x", base: folder, method, data: path.join(folder, "a.jsonl"), folder };
  const limit = await maxPositions(path.join(folder, "small"));
  assert.equal(newRecipe({ ...options, maxPositions: limit }).data.maxLength, 128);
  assert.equal(newRecipe({ ...options, maxPositions: 8192 }).data.maxLength, 512);
  const prompt = { method: { type: "prompt-tuning", tokens: 20 } } as const;
  const withTokens = newRecipe({ ...options, method: prompt, maxPositions: limit });
  assert.equal(withTokens.data.maxLength, 108, "virtual tokens take positions too");
});

test("a base model that does not say how long its rows are sets no limit", async () => {
  write("odd/config.json", "{");
  assert.equal(await maxPositions(path.join(folder, "odd")), undefined);
  assert.equal(await maxPositions(path.join(folder, "model.gguf")), undefined);
});

test("rows for evaluation that lie beside the training data are used", async () => {
  const train = write("split/train.jsonl", "");
  write("split/test.jsonl", "");
  write("split/train-large.jsonl", "");
  assert.equal(await evaluationFileBeside(train), path.join(folder, "split/test.jsonl"));
  const evaluation = write("split/validation.jsonl", "");
  assert.equal(await evaluationFileBeside(train), evaluation);
  assert.equal(await evaluationFileBeside(path.join(folder, "split/train-large.jsonl")), undefined);
  assert.equal(await evaluationFileBeside(path.join(folder, "split/rows.jsonl")), undefined);
});

test("the word train may stand behind the name", async () => {
  const train = write("named/mails-train.jsonl", "");
  const evaluation = write("named/mails-eval.jsonl", "");
  write("named/other-eval.jsonl", "");
  assert.equal(await evaluationFileBeside(train), evaluation);
  write("named/strain-eval.jsonl", "");
  assert.equal(await evaluationFileBeside(path.join(folder, "named/strain.jsonl")), undefined);
});

test("rows are counted by their lines, the last one too", async () => {
  assert.equal(await countRows(write("rows/a.jsonl", '{"text":"a"}\n{"text":"b"}\n')), 2);
  assert.equal(await countRows(write("rows/b.jsonl", '{"text":"a"}\n{"text":"b"}')), 2);
  assert.equal(await countRows(write("rows/empty.jsonl", "")), 0);
  assert.equal(await countRows(write("rows/a.parquet", "PAR1")), undefined);
});

test("a new recipe's rate goes by the base's size, its epochs by the rows", () => {
  const method = METHOD_CHOICES[0]!.recipe;
  const options = { name: "x", base: folder, method, data: path.join(folder, "a.jsonl"), folder };
  const small = newRecipe({ ...options, parameters: 2.4e6, rows: 260 });
  assert.deepEqual([small.optimizer?.learningRate, small.epochs, small.batchSize], [2e-3, 5, 4]);
  const large = newRecipe({ ...options, parameters: 8e9, rows: 50_000 });
  assert.deepEqual([large.optimizer?.learningRate, large.epochs, large.batchSize], [2e-4, 2, 8]);
});
