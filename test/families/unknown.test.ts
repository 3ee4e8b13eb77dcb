/** What the guesser says of checkpoints that we have no family for: tensor names as transformers 5 writes them, roles as its modules are. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { familyOf } from "../../src/families/registry.ts";
import { llamaFamily } from "../../src/families/llama.ts";
import { unknownFamily } from "../../src/families/unknown.ts";
import type { Role } from "../../src/protocol/tensor-facts.ts";

const { facts, blockOf, isVocabularyTable } = unknownFamily;

// [name, shape, role, block, part]: by the class of the module in transformers' modeling_*.py.
type Line = [string, number[], Role, number | undefined, string | undefined];

const QWEN3: Line[] = [
  ["model.embed_tokens.weight", [151_936, 1024], "embedding", undefined, undefined],
  ["model.layers.27.self_attn.q_norm.weight", [128], "norm", 27, "attention"],
  ["model.layers.27.self_attn.q_proj.weight", [2048, 1024], "linear", 27, "attention"],
  ["model.layers.27.mlp.down_proj.weight", [1024, 3072], "linear", 27, "feed-forward"],
  ["model.layers.0.post_attention_layernorm.weight", [1024], "norm", 0, "norms"],
  ["model.norm.weight", [1024], "norm", undefined, "norms"],
  ["lm_head.weight", [151_936, 1024], "head", undefined, undefined],
];

const GPT2: Line[] = [
  ["transformer.wte.weight", [50_257, 768], "embedding", undefined, undefined],
  ["transformer.wpe.weight", [1024, 768], "position", undefined, undefined],
  ["transformer.h.11.ln_1.weight", [768], "norm", 11, "norms"],
  ["transformer.h.11.ln_1.bias", [768], "bias", 11, "norms"],
  ["transformer.h.11.attn.c_attn.weight", [768, 2304], "linear", 11, "attention"],
  ["transformer.h.11.attn.c_attn.bias", [2304], "bias", 11, "attention"],
  ["transformer.h.11.mlp.c_fc.weight", [768, 3072], "linear", 11, "feed-forward"],
  ["transformer.ln_f.weight", [768], "norm", undefined, "norms"],
];

const BERT: Line[] = [
  ["bert.embeddings.word_embeddings.weight", [30_522, 768], "embedding", undefined, undefined],
  ["bert.embeddings.position_embeddings.weight", [512, 768], "position", undefined, undefined],
  ["bert.embeddings.LayerNorm.weight", [768], "norm", undefined, "norms"],
  ["bert.encoder.layer.3.attention.self.query.weight", [768, 768], "linear", 3, "attention"],
  ["bert.encoder.layer.3.attention.self.query.bias", [768], "bias", 3, "attention"],
  ["classifier.weight", [2, 768], "head", undefined, undefined],
  ["classifier.bias", [2], "bias", undefined, undefined],
];

const OTHERS: Line[] = [
  // Mamba's and a vision tower's convolutions; GPT-NeoX's two tables; a buffer.
  ["backbone.layers.5.mixer.conv1d.weight", [1536, 1, 4], "conv", 5, undefined],
  [
    "vision_model.embeddings.patch_embedding.weight",
    [768, 3, 16, 16],
    "conv",
    undefined,
    undefined,
  ],
  ["gpt_neox.embed_in.weight", [50_432, 512], "embedding", undefined, undefined],
  ["embed_out.weight", [50_432, 512], "head", undefined, undefined],
  ["gpt_neox.layers.0.attention.rotary_emb.inv_freq", [8], "other", 0, "attention"],
  ["backbone.layers.5.mixer.A_log", [1536, 16], "other", 5, undefined],
];

for (const [model, lines] of Object.entries({ QWEN3, GPT2, BERT, OTHERS })) {
  test(`${model}: each tensor has its module's role, block and part`, () => {
    for (const [name, shape, role, block, part] of lines) {
      const found = facts(name, shape);
      assert.deepEqual([found.role, found.block?.index, found.part], [role, block, part], name);
    }
  });
}

test("on Llama's names it says what the family knows, but for the layout", () => {
  const shapes: Record<string, number[]> = {
    "model.embed_tokens.weight": [96, 32],
    "model.norm.weight": [32],
    "lm_head.weight": [96, 32],
    ...Object.fromEntries(
      ["self_attn.q_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.down_proj"].map((module) => [
        `model.layers.4.${module}.weight`,
        [32, 32],
      ]),
    ),
    "model.layers.4.self_attn.q_proj.bias": [32],
    "model.layers.4.input_layernorm.weight": [32],
    "model.layers.4.post_attention_layernorm.weight": [32],
  };
  for (const [name, shape] of Object.entries(shapes)) {
    const { layout, ...known } = llamaFamily.facts(name, shape);
    const { layout: guessed, ...told } = facts(name, shape);
    // A vector does not tell what its module's weight is.
    const moduleRole = name.endsWith("proj.bias") ? known.moduleRole : told.moduleRole;
    const said = { ...told, moduleRole };
    assert.equal(guessed, undefined, name);
    assert.ok(layout === undefined || layout === "[out,in]", name);
    assert.deepEqual(said, known, name);
    assert.equal(isVocabularyTable(name), llamaFamily.isVocabularyTable(name), name);
  }
});

test("stem, index and inner part put together are the name", () => {
  const names = [QWEN3, GPT2, BERT, OTHERS].flat().map(([name]) => name);
  let blocks = 0;
  for (const name of names) {
    const block = blockOf(name);
    if (!block) continue;
    blocks++;
    assert.equal(`${block.stem}${block.index}.${block.inner}`, name);
    assert.deepEqual(facts(name).block, block);
  }
  assert.ok(blocks > 10);
});

test("of layers in layers the outer one is the block", () => {
  const place = blockOf("model.layers.3.experts.layers.1.w.weight");
  assert.deepEqual(place, { stem: "model.layers.", index: 3, inner: "experts.layers.1.w.weight" });
  assert.equal(blockOf("model.mylayers.3.w"), undefined);
  assert.deepEqual(blockOf("h.0"), { stem: "h.", index: 0, inner: "" });
});

test("what stands before the blocks is the embeddings, and not their head", () => {
  for (const name of ["transformer.wpe.weight", "bert.embeddings.LayerNorm.bias", "embed.weight"]) {
    assert.equal(facts(name).isBeforeBlocks, true, name);
  }
  for (const name of ["embed_out.weight", "model.layers.0.embed.weight", "model.norm.weight"]) {
    assert.equal(facts(name).isBeforeBlocks, false, name);
  }
});

test("it is what a type that no family describes gets", () => {
  for (const config of [{}, { model_type: "gpt2" }, { model_type: 3 }, { model_type: "" }]) {
    assert.equal(familyOf(config), unknownFamily);
  }
  assert.equal(unknownFamily.isKnown, false);
});
