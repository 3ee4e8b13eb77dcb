import assert from "node:assert/strict";
import { test } from "node:test";
import { outline, tensorPattern, trainedPredicate } from "../../src/util/tensor-patterns.ts";
import { llamaFamily } from "../../src/families/llama.ts";
import { InputError } from "../../src/util/errors.ts";

const block = (layer: number): string[] =>
  ["input_layernorm", "self_attn.q_proj", "self_attn.o_proj", "mlp.up_proj"].map(
    (module) => `model.layers.${layer}.${module}.weight`,
  );
const NAMES = [
  "model.embed_tokens.weight",
  ...Array.from({ length: 12 }, (_, layer) => block(layer)).flat(),
  "model.norm.weight",
  "lm_head.weight",
];

function trained(choice: Parameters<typeof trainedPredicate>[0]): string[] {
  return NAMES.filter(
    trainedPredicate(choice, NAMES, { what: "the model", blockOf: llamaFamily.blockOf }),
  );
}

test("without a choice all is trained", () => {
  assert.deepEqual(trained({}), NAMES);
});

test("a pattern names whole parts, anywhere in a name", () => {
  const matched = (pattern: string) => NAMES.filter((name) => tensorPattern(pattern).test(name));
  assert.deepEqual(matched("layers.1"), block(1));
  assert.deepEqual(matched("model.layers.[0-1].mlp"), [block(0)[3], block(1)[3]]);
  assert.equal(matched("layers.[0-9]").length, 40);
  assert.deepEqual(matched("layers.1[0-1]"), [...block(10), ...block(11)]);
  assert.deepEqual(matched("layers.[9-11]"), [...block(9), ...block(10), ...block(11)]);
  assert.deepEqual(matched("norm"), ["model.norm.weight"]);
  assert.equal(matched("*norm").length, 13);
  assert.equal(matched("self_attn.*").length, 24);
  assert.deepEqual(matched("layers"), matched("model.layers.*"));
});

test("later patterns count more, and ! trains after all", () => {
  assert.deepEqual(trained({ freeze: ["*", "!lm_head"] }), ["lm_head.weight"]);
  assert.deepEqual(trained({ freeze: ["*", "!layers.11", "mlp"] }), block(11).slice(0, 3));
});

test("trainFirst and trainLast leave blocks only, and patterns add to them", () => {
  assert.deepEqual(trained({ trainLast: 2 }), [...block(10), ...block(11)]);
  assert.deepEqual(trained({ trainFirst: 1, trainLast: 1 }), [...block(0), ...block(11)]);
  assert.deepEqual(trained({ trainLast: 1, freeze: ["!model.norm", "mlp"] }), [
    ...block(11).slice(0, 3),
    "model.norm.weight",
  ]);
});

test("a pattern that matches nothing names what there is", () => {
  const refuses = (work: () => unknown, message: RegExp): void =>
    assert.throws(work, (error) => error instanceof InputError && message.test(error.message));
  refuses(
    () => trained({ freeze: ["layers.12"] }),
    /freeze "layers\.12" matches no tensor of the model; it has model\.embed_tokens, model\.layers\.0 to model\.layers\.11, model\.norm, lm_head$/,
  );
  refuses(() => trained({ freeze: ["[3-1]"] }), /\[3-1\] runs from 3 to 1/);
  refuses(() => trained({ trainLast: 13 }), /trainLast 13 is above the 12 blocks of the model/);
});

test("an adapter's tensors are outlined too", () => {
  const names = [0, 1].map((i) => `base_model.model.model.layers.${i}.mlp.up_proj.lora_A.weight`);
  assert.equal(
    outline(names),
    "base_model.model.model.layers.0 to base_model.model.model.layers.1",
  );
});

test("ranges side by side take no longer than others", () => {
  const pattern = tensorPattern(`a.${"[1-11]".repeat(60)}[2-3]`);
  const startedAt = performance.now();
  assert.equal(pattern.test(`a.${"1".repeat(120)}`), false);
  assert.equal(pattern.test(`a.${"1".repeat(120)}3`), true);
  assert.equal(pattern.test(`a.${"1".repeat(59)}3`), false);
  assert.ok(performance.now() - startedAt < 1_000);
});

test("three ranges match as two do", () => {
  for (const [text, names] of [
    ["a[1-2].b[1-2]", ["a1.b2", "x.a2.b1.c"]],
    ["a[1-2].b[1-2].c[10-12]", ["a1.b2.c10", "x.a2.b1.c12.d"]],
  ] as const) {
    const pattern = tensorPattern(text);
    for (const name of names) {
      assert.equal(pattern.test(name), true, name);
      assert.equal(pattern.test(name.replace("a", "ya")), false);
      assert.equal(pattern.test(name.replace("b", "b0")), false);
    }
  }
});
