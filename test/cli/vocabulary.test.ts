/** Vocabularies as large as Llama 3's and Gemma's, and tokens that the embeddings lack. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { retune, tinyWorkspace, writeRecipe } from "../support/retune.ts";
import { writeTinyLlama } from "../support/tiny-llama.ts";

for (const vocabulary of [128_256, 262_144]) {
  test(`a model of ${vocabulary} tokens is trained, evaluated and generates`, async (t) => {
    const dir = tinyWorkspace(t);
    const model = path.join(dir, "model");
    writeTinyLlama(model, { vocabulary });
    const runDir = path.join(dir, "run");
    const recipe = writeRecipe(dir, { maxSteps: 2, evalEvery: 0 });
    const trained = await retune("train", recipe, "--run-dir", runDir);
    assert.equal(trained.code, 0, trained.stderr);
    const adapter = path.join(runDir, "adapter");
    const data = path.join(dir, "data.jsonl");
    const found = await retune("eval", model, "--adapter", adapter, "--data", data, "--json");
    assert.equal(found.code, 0, found.stderr);
    const { loss } = JSON.parse(found.stdout) as { loss: number };
    // Random weights know nothing: about ln V.
    assert.ok(Math.abs(loss - Math.log(vocabulary)) < 0.5, `${loss}`);
    const generated = await retune("generate", model, "--prompt", "hi", "--max-tokens", "3");
    assert.equal(generated.code, 0, generated.stderr);
  });
}

/** A pad token behind the embeddings, as folders have whose embeddings were not resized. */
function addToken(model: string): void {
  const file = path.join(model, "tokenizer_config.json");
  const config = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
  writeFileSync(file, JSON.stringify({ ...config, pad_token: "<|pad|>" }));
}

test("a pad token behind the embeddings does no harm to rows without it", async (t) => {
  const dir = tinyWorkspace(t);
  addToken(path.join(dir, "model"));
  const { code, stderr } = await retune("train", writeRecipe(dir, { maxSteps: 2 }));
  assert.equal(code, 0, stderr);
});

test("a row that has a token behind the embeddings is named, and the token", async (t) => {
  const dir = tinyWorkspace(t);
  const model = path.join(dir, "model");
  addToken(model);
  const data = path.join(dir, "data.jsonl");
  writeFileSync(data, '{"text": "fine"}\n{"text": "not <|pad|> fine"}\n');
  const says = /data\.jsonl:2: token 259 \("<\|pad\|>"\) is outside the model's vocabulary of 259/u;
  const trained = await retune("train", writeRecipe(dir, { data: { train: "data.jsonl" } }));
  assert.equal(trained.code, 2);
  assert.match(trained.stderr, says);
  const found = await retune("eval", model, "--data", data);
  assert.equal(found.code, 2);
  assert.match(found.stderr, says);
});
