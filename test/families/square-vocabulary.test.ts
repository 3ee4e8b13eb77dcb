// A model whose vocabulary is as large as everything else: shapes tell no tensor from another.
import assert from "node:assert/strict";
import { test } from "node:test";
import { embeddingTensor, headTensor } from "../../src/graph/causal-lm.ts";
import type { ElementType } from "../../src/graph/ops.ts";
import { causalLmOf } from "../../src/models/registry.ts";
import { loraSettings } from "../../src/methods/lora/settings.ts";
import { NOTHING_TUNED } from "../../src/methods/method.ts";
import { planStep } from "../../src/onnx-engine/step-form.ts";
import { tuningOf } from "../../src/methods/tuning.ts";
import { methodSchema, type Method } from "../../src/protocol/methods.ts";
import type { LoraMethod } from "../../src/protocol/methods/lora.ts";
import { InputError } from "../../src/util/errors.ts";

const SIZE = 16;
const config = (tied: boolean, size = SIZE) => ({
  model_type: "llama",
  vocab_size: size,
  hidden_size: size,
  intermediate_size: size,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  tie_word_embeddings: tied,
});
const model = (tied: boolean) => ({
  architecture: causalLmOf(config(tied), "config.json"),
  dir: "square",
});
const lora = (more: object): Method => methodSchema.parse({ type: "lora", rank: 4, ...more });

test("embedding and head are found by what they are", () => {
  const [tied, own] = [model(true).architecture, model(false).architecture];
  assert.equal(embeddingTensor(tied).name, "model.embed_tokens.weight");
  assert.equal(headTensor(tied).name, "model.embed_tokens.weight");
  assert.equal(headTensor(own).name, "lm_head.weight");
});

test("an embedding that is the head too is not trained whole beside LoRA", () => {
  const method = lora({ modulesToSave: ["embed_tokens"] });
  assert.throws(
    () => tuningOf({ method }, model(true)),
    (error) => error instanceof InputError && /embeddings and head share/u.test(error.message),
  );
  const { trained } = tuningOf({ method }, model(false));
  assert.deepEqual([...trained], ["model.embed_tokens.weight"]);
});

test("LoRA reaches the embedding by its name, and all-linear leaves out both tables", () => {
  const settings = (targets: unknown, isTied: boolean) =>
    loraSettings(lora({ targets }) as LoraMethod, model(isTied).architecture, () => true);
  assert.equal(settings(["embed_tokens"], true).embedding?.path, "model.embed_tokens");
  const all = settings("all-linear", false);
  assert.equal(all.sites.length, 14);
  assert.ok(all.sites.every(({ layer }) => layer.path.startsWith("model.layers.")));
});

test("the head decides how it is cut, not a matrix of the same shape", () => {
  // Widened whole, a half-precision head of this size would be above what mode memory spends on it.
  const architecture = causalLmOf(config(true, 3072), "config.json");
  const chunks = (half: RegExp): number => {
    const typeOf = (name: string): ElementType => (half.test(name) ? "bfloat16" : "float32");
    const options = { architecture, tuning: NOTHING_TUNED, maxPositions: 32, typeOf };
    return planStep(options, { maxLength: 32, mode: "memory" }).form.vocabularyChunks;
  };
  assert.equal(chunks(/_proj/u), 1);
  assert.ok(chunks(/embed_tokens/u) > 1);
});
