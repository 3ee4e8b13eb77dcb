import assert from "node:assert/strict";
import { test } from "node:test";
import { describeFamily } from "../../src/families/family.ts";
import { llamaFamily } from "../../src/families/llama.ts";
import { families, familyOf, mayBeVocabularyTable } from "../../src/families/registry.ts";
import { withTrueTie } from "../../src/families/tied-head.ts";
import { unknownFamily } from "../../src/families/unknown.ts";
import { layerNodes } from "../../src/ui/layers/layer-nodes.ts";
import { presetTensors } from "../../src/ui/layers/layer-presets.ts";
import { baseTensor } from "../../src/ui/layers/base-tensors.ts";
import { choosableTensors } from "../../src/ui/layers/choosable.ts";

const roleOf = (name: string, shape?: number[]) => familyOf({}).facts(name, shape).role;

/** Llama's body under names of its own, with matrices as GPT-2 stores them. */
const garden = describeFamily({
  name: "garden",
  causalLm: "GardenForCausalLM",
  before: { soil: "embedding", depth: "position" },
  blocks: "beds",
  inBlock: {
    rake: { role: "norm" },
    "roots.in": { role: "linear", part: "attention", layout: "[in,out]" },
    "leaves.out": { role: "linear", part: "feed-forward" },
    mesh: { role: "conv" },
  },
  after: { "last.rake": "norm", harvest: "head" },
});

test("a family says of each tensor its role, block, module and layout", () => {
  assert.deepEqual(llamaFamily.facts("model.layers.12.self_attn.q_proj.weight"), {
    role: "linear",
    moduleRole: "linear",
    block: { stem: "model.layers.", index: 12, inner: "self_attn.q_proj.weight" },
    isBeforeBlocks: false,
    module: "model.layers.12.self_attn.q_proj",
    layout: "[out,in]",
    part: "attention",
  });
  assert.equal(llamaFamily.facts("model.layers.0.self_attn.q_proj.bias").role, "bias");
  const packed = llamaFamily.facts("model.layers.0.self_attn.q_proj.qweight");
  assert.deepEqual([packed.role, packed.part], ["other", "attention"]);
  assert.equal(llamaFamily.facts("model.norm.weight").role, "norm");
  assert.equal(llamaFamily.facts("model.embed_tokens.weight").role, "embedding");
  assert.equal(llamaFamily.facts("lm_head.weight").role, "head");
  assert.equal(llamaFamily.facts("score.weight").role, "head");
  const { role, block } = llamaFamily.facts("model.layers.3.self_attn.rotary_emb.inv_freq");
  assert.deepEqual([role, block?.index], ["other", 3]);
  assert.equal(llamaFamily.facts("blk.3.mlp.up_proj.weight").block, undefined);
  assert.equal(garden.facts("beds.0.roots.in.weight").layout, "[in,out]");
  assert.equal(garden.facts("beds.0.mesh.weight").role, "conv");
});

test("a body that was saved without its head has the same roles", () => {
  const { role, block } = llamaFamily.facts("layers.3.mlp.up_proj.weight");
  assert.deepEqual(
    [role, block],
    ["linear", { stem: "layers.", index: 3, inner: "mlp.up_proj.weight" }],
  );
  const embedding = llamaFamily.facts("embed_tokens.weight");
  assert.deepEqual([embedding.role, embedding.isBeforeBlocks], ["embedding", true]);
  assert.equal(llamaFamily.facts("norm.weight").role, "norm");
});

test("what is only guessed says so, and is other where names give nothing away", () => {
  const known = familyOf({ model_type: "llama" });
  assert.equal(known.isKnown, true);
  for (const model_type of [undefined, "gpt2", 7]) {
    assert.equal(familyOf({ model_type }), unknownFamily);
  }
  assert.equal(unknownFamily.isKnown, false);
  const linear = unknownFamily.facts("transformer.h.3.attn.c_attn.weight", [8, 24]);
  assert.deepEqual([linear.role, linear.block?.index, linear.layout], ["linear", 3, undefined]);
  assert.equal(roleOf("transformer.h.3.attn.c_attn.weight"), "other");
  assert.equal(roleOf("transformer.wte.weight"), "embedding");
  assert.equal(roleOf("transformer.wpe.weight", [8, 8]), "position");
  assert.equal(roleOf("transformer.h.0.ln_1.weight", [8]), "norm");
  assert.equal(roleOf("transformer.h.0.ln_1.bias", [8]), "bias");
  const bias = unknownFamily.facts("classifier.bias", [2]);
  assert.deepEqual([bias.role, bias.moduleRole], ["bias", "head"]);
  assert.equal(roleOf("vision.patch.weight", [8, 3, 4, 4]), "conv");
  assert.equal(roleOf("secret.weight", [8, 8]), "other");
});

test("a family that is planted is known everywhere, until it is taken out", async (t) => {
  const names = [
    "beds.0.rake.weight",
    "beds.0.roots.in.weight",
    "beds.0.leaves.out.weight",
    "soil.weight",
    "harvest.weight",
    "last.rake.weight",
  ];
  assert.equal(mayBeVocabularyTable("soil.weight"), false);
  const takeOut = families.add(garden);
  t.after(takeOut);
  assert.equal(mayBeVocabularyTable("soil.weight"), true);
  const family = familyOf({ model_type: "garden" });
  const tensors = names.map((name) =>
    baseTensor(family, name, name.includes("rake") ? [4] : [4, 4]),
  );
  const nodes = layerNodes(tensors);
  assert.deepEqual(
    nodes.map(({ label }) => label),
    ["Embeddings", "Block 0", "Last norm", "Head"],
  );
  assert.deepEqual([...presetTensors(nodes, "head")], ["harvest.weight"]);
  const { tensors: sites } = choosableTensors(
    { type: "lora", targets: "all-linear" } as Parameters<typeof choosableTensors>[0],
    tensors,
  );
  assert.deepEqual(
    sites.map(({ name }) => name),
    ["beds.0.roots.in.weight", "beds.0.leaves.out.weight"],
  );
  const weights = new Map([["soil.weight", {} as never]]);
  const config = { model_type: "garden" };
  assert.equal((await withTrueTie(config, weights)).config["tie_word_embeddings"], true);
  takeOut();
  assert.equal((await withTrueTie(config, weights)).config["tie_word_embeddings"], undefined);
});

test("a name that every object inherits is no module of a family, in neither format", () => {
  for (const word of ["constructor", "toString", "__proto__"]) {
    const { role, part } = llamaFamily.facts(`model.layers.0.${word}.weight`);
    assert.deepEqual({ role, part }, { role: "other", part: undefined }, word);
    assert.equal(llamaFamily.gguf?.checkpointName(word), undefined, word);
    assert.equal(llamaFamily.gguf?.checkpointName(`blk.0.${word}.weight`), undefined, word);
  }
});
