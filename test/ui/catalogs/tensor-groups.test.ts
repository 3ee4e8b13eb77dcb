import assert from "node:assert/strict";
import test from "node:test";
import { storedBlockOf } from "../../../src/families/stored-blocks.ts";
import { groupTensors } from "../../../src/ui/catalogs/tensor-groups.ts";

const tensors = (...names: string[]) =>
  names.map((name) => ({ name, dtype: "F32", shape: [2, 3] }));

test("tensors of a layer stand together, the others alone, layers in the order of their numbers", () => {
  const { loose, layers } = groupTensors(
    tensors(
      "model.layers.10.mlp.up_proj.weight",
      "model.layers.2.mlp.up_proj.weight",
      "model.layers.2.input_layernorm.weight",
      "model.embed_tokens.weight",
      "lm_head.weight",
    ),
    storedBlockOf("llama"),
  );
  assert.deepEqual(
    loose.map(({ label }) => label),
    ["lm_head.weight", "model.embed_tokens.weight"],
  );
  assert.deepEqual(
    layers.map(({ prefix, parameters }) => [prefix, parameters]),
    [
      ["model.layers.2", 12],
      ["model.layers.10", 6],
    ],
  );
  assert.deepEqual(
    layers[0]?.tensors.map(({ label }) => label),
    ["mlp.up_proj.weight", "input_layernorm.weight"],
  );
});

test("layers of GGUF, GPT-2 and BERT are known", () => {
  const names = ["blk.0.attn_q.weight", "transformer.h.1.ln.bias", "encoder.layer.2.output.weight"];
  const { loose, layers } = groupTensors(tensors(...names), storedBlockOf(undefined));
  assert.deepEqual(loose, []);
  assert.deepEqual(
    layers.map(({ prefix }) => prefix),
    ["blk.0", "encoder.layer.2", "transformer.h.1"],
  );
});
