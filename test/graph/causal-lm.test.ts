/** Which tensor is the head: read off two real configs, one of which shares it with the embeddings. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { type CausalLm, embeddingTensor, headTensor } from "../../src/graph/causal-lm.ts";
import { openBaseModel } from "../../src/models/base-model.ts";
import { goldenModel } from "../support/llama-golden.ts";

interface Config {
  vocab_size: number;
  hidden_size: number;
  tie_word_embeddings: boolean;
}

async function opened(name: "tied" | "untied"): Promise<{ lm: CausalLm; config: Config }> {
  const { architecture } = await openBaseModel(goldenModel(name));
  const config = JSON.parse(readFileSync(goldenModel(name, "config.json"), "utf8")) as Config;
  return { lm: architecture, config };
}

test("a head of its own is the head; the embeddings stay what they are", async () => {
  const { lm, config } = await opened("untied");
  assert.equal(config.tie_word_embeddings, false);
  const shape = [config.vocab_size, config.hidden_size];
  assert.deepEqual(headTensor(lm), { name: "lm_head.weight", shape });
  assert.deepEqual(embeddingTensor(lm), { name: "model.embed_tokens.weight", shape });
});

test("where the checkpoint has none, the embeddings serve", async () => {
  const { lm, config } = await opened("tied");
  assert.equal(config.tie_word_embeddings, true);
  assert.equal(headTensor(lm), embeddingTensor(lm));
  assert.deepEqual(headTensor(lm).shape, [config.vocab_size, config.hidden_size]);
});

test("a model without its embeddings is a broken invariant", async () => {
  const { lm } = await opened("tied");
  assert.throws(() => embeddingTensor({ ...lm, tensors: [] }), /internal: no embeddings/u);
  assert.throws(() => headTensor({ ...lm, embedding: "elsewhere" }), /internal: no embeddings/u);
});
