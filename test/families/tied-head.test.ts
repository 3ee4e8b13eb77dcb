/** Whether head and embedding are one, as transformers 5 decides: the weights before the config, a head of other bytes untied. */
import assert from "node:assert/strict";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { withTrueTie } from "../../src/families/tied-head.ts";
import { readModelWeights } from "../../src/tensors/model-weights.ts";
import { readSafetensorsHeader, writeSafetensors } from "../../src/tensors/safetensors.ts";
import { tempDir } from "../support/temp-dir.ts";

const GOLDEN = path.join(import.meta.dirname, "../golden/models");
const EMBEDDING = "model.embed_tokens.weight";
const HEAD = "lm_head.weight";
const LLAMA = { model_type: "llama", architectures: ["LlamaForCausalLM"] };

async function weightsOf(t: TestContext, values: Record<string, number[]>) {
  const file = path.join(tempDir(t), "model.safetensors");
  const tensors = Object.entries(values).map(([name, row]) => ({
    name,
    dtype: "F32" as const,
    shape: [1, row.length],
    data: new Uint8Array(Float32Array.from(row).buffer),
  }));
  await writeSafetensors(file, tensors);
  return (await readSafetensorsHeader(file)).tensors;
}

test("a folder without a head is tied, whatever its config says or leaves out", async (t) => {
  const weights = await weightsOf(t, { [EMBEDDING]: [1, 2] });
  for (const stated of [{}, { tie_word_embeddings: false }, { tie_word_embeddings: null }]) {
    const config = { ...LLAMA, ...stated };
    const expected = { config: { ...LLAMA, tie_word_embeddings: true }, weights };
    assert.deepEqual(await withTrueTie(config, weights), expected);
  }
  const tied = { ...LLAMA, tie_word_embeddings: true };
  assert.equal((await withTrueTie(tied, weights)).config, tied);
});

test("a tied config beside a head of the same bytes stays, beside another it is untied", async (t) => {
  const tied = { ...LLAMA, tie_word_embeddings: true };
  const same = await weightsOf(t, { [EMBEDDING]: [1, 2], [HEAD]: [1, 2] });
  assert.equal((await withTrueTie(tied, same)).config, tied);
  const other = await weightsOf(t, { [EMBEDDING]: [1, 2], [HEAD]: [1, 2.0000002] });
  const untied = { ...LLAMA, tie_word_embeddings: false };
  assert.deepEqual((await withTrueTie(tied, other)).config, untied);
  assert.equal(tied.tie_word_embeddings, true, "what was given is not changed");
});

test("a head that the config does not tie is its own, whether it has the embedding's bytes or not", async (t) => {
  const same = await weightsOf(t, { [EMBEDDING]: [1, 2], [HEAD]: [1, 2] });
  const other = await weightsOf(t, { [EMBEDDING]: [1, 2], [HEAD]: [1, 3] });
  for (const config of [LLAMA, { ...LLAMA, tie_word_embeddings: false }]) {
    assert.equal((await withTrueTie(config, same)).config, config);
    assert.equal((await withTrueTie(config, other)).config, config);
  }
});

test("a classifier has no head for tokens that could be tied", async (t) => {
  const weights = await weightsOf(t, { [EMBEDDING]: [1, 2], "score.weight": [3, 4] });
  for (const name of ["LlamaForSequenceClassification", "LlamaForTokenClassification"]) {
    const config = { ...LLAMA, architectures: [name] };
    assert.equal((await withTrueTie(config, weights)).config, config);
  }
  const named = { ...LLAMA, architectures: ["LlamaForSequenceClassificationX"] };
  assert.notEqual((await withTrueTie(named, weights)).config, named);
});

test("without an embedding nothing is said", async (t) => {
  const weights = await weightsOf(t, { "model.norm.weight": [1, 2] });
  assert.deepEqual(await withTrueTie(LLAMA, weights), { config: LLAMA, weights });
});

test("a tied pair that is stored as the head is the embedding, at the same place", async (t) => {
  const weights = await weightsOf(t, { "model.norm.weight": [3], [HEAD]: [1, 2], "x.weight": [4] });
  const tied = { ...LLAMA, tie_word_embeddings: true };
  const found = await withTrueTie(tied, weights);
  assert.equal(found.config, tied);
  assert.deepEqual([...found.weights.keys()], ["model.norm.weight", EMBEDDING, "x.weight"]);
  assert.deepEqual(found.weights.get(EMBEDDING), { ...weights.get(HEAD), name: EMBEDDING });
  // transformers draws an embedding for one that the config does not tie: it is missing.
  for (const config of [LLAMA, { ...LLAMA, tie_word_embeddings: false }]) {
    assert.deepEqual(await withTrueTie(config, weights), { config, weights });
  }
  // Where the family is not known, nor is the embedding's name.
  const other = { model_type: "gpt2", tie_word_embeddings: true };
  assert.deepEqual(await withTrueTie(other, weights), { config: other, weights });
});

test("models that transformers saved are as their config says", async () => {
  for (const [folder, isTied] of [
    ["tied", true],
    ["untied", false],
  ] as const) {
    const weights = await readModelWeights(path.join(GOLDEN, folder));
    assert.equal(weights.has(HEAD), !isTied);
    const { config } = await withTrueTie({ ...LLAMA, tie_word_embeddings: isTied }, weights);
    assert.equal(config["tie_word_embeddings"], isTied);
  }
});
