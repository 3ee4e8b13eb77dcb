// What a family says of its tensors, header-only, against the graph that computes them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { families, familyOf } from "../../src/families/registry.ts";
import { embeddingTensor } from "../../src/graph/causal-lm.ts";
import { models } from "../../src/models/registry.ts";

const CONFIG = {
  vocab_size: 32,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  attention_bias: true,
  mlp_bias: true,
};

for (const model of models.all) {
  test(`${model.name}: the family knows every tensor as the graph has it`, () => {
    const architecture = model.open({ ...CONFIG, model_type: model.name }, "config.json");
    const family = familyOf({ model_type: model.name });
    assert.equal(family, families.get(model.name));
    const roleOf = new Map(
      architecture.tensors.map(({ name, shape }) => [name, family.facts(name, shape).role]),
    );
    assert.ok(![...roleOf.values()].includes("other"));
    const named = (role: string) => [...roleOf].flatMap(([name, of]) => (of === role ? name : []));
    assert.deepEqual(named("embedding"), [embeddingTensor(architecture).name]);
    const linear = architecture.linearLayers.filter(({ isHead }) => !isHead);
    assert.deepEqual(
      named("linear").toSorted(),
      linear.map(({ path }) => `${path}.weight`).toSorted(),
    );
    const head = architecture.linearLayers.find(({ isHead }) => isHead);
    assert.equal(family.head, `${head?.path}.weight`);
    for (const { name } of architecture.tensors) {
      assert.deepEqual(architecture.blockOf(name), family.facts(name).block, name);
    }
  });
}
