import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { layerChoiceOf } from "../../src/util/layer-choice.ts";
import { llamaFamily } from "../../src/families/llama.ts";
import { trainedPredicate } from "../../src/util/tensor-patterns.ts";

const { blockOf } = llamaFamily;
const IN_BLOCK = [
  "input_layernorm.weight",
  "post_attention_layernorm.weight",
  ...["q", "k", "v", "o"].map((name) => `self_attn.${name}_proj.weight`),
  "self_attn.q_proj.bias",
  ...["gate", "up", "down"].map((name) => `mlp.${name}_proj.weight`),
];

function llama(blocks: number): string[] {
  return [
    "model.embed_tokens.weight",
    ...Array.from({ length: blocks }, (_, block) =>
      IN_BLOCK.map((name) => `model.layers.${block}.${name}`),
    ).flat(),
    "model.norm.weight",
    "lm_head.weight",
  ];
}

function assertFaithful(names: readonly string[], trained: ReadonlySet<string>): void {
  const choice = layerChoiceOf(names, trained, blockOf);
  const isTrained = trainedPredicate(choice, names, { what: "the model", blockOf });
  assert.deepEqual(
    names.filter(isTrained),
    names.filter((name) => trained.has(name)),
  );
}

test("any set of a model's tensors comes back exactly", () => {
  const names = llama(5);
  fc.assert(
    fc.property(fc.subarray(names), (trained) => assertFaithful(names, new Set(trained))),
    { numRuns: 300 },
  );
});

test("sets made of whole modules and blocks come back exactly, and shorter than by name", () => {
  const names = llama(12);
  const piece = fc.record({
    part: fc.constantFrom("self_attn", "mlp", "norm", "q_proj", "embed", "lm_head", "."),
    first: fc.nat(12),
    last: fc.nat(12),
  });
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 4 }), (pieces) => {
      const trained = names.filter((name) =>
        pieces.some(({ part, first, last }) => {
          const block = Number(/\.(\d+)\./.exec(name)?.[1] ?? 12);
          return name.includes(part) && block >= first && block <= last;
        }),
      );
      assertFaithful(names, new Set(trained));
      const { freeze = [] } = layerChoiceOf(names, new Set(trained), blockOf);
      assert.ok(freeze.length <= 16, JSON.stringify(freeze));
    }),
    { numRuns: 300 },
  );
});

test("names that stand inside one another are kept apart", () => {
  const part = fc.constantFrom("layers", "0", "1", "10", "h", "w", "norm", "bias", "mlp");
  const name = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join("."));
  fc.assert(
    fc.property(
      fc.uniqueArray(name, { minLength: 1, maxLength: 12 }),
      fc.infiniteStream(fc.boolean()),
      (names, flags) => {
        const trained = names.filter(() => flags.next().value);
        assertFaithful(names, new Set(trained));
      },
    ),
    { numRuns: 1000 },
  );
});

test("a tensor that is called as its block is", () => {
  const names = ["layers.0", "layers.0.mlp", "layers.1", "layers.10.layers"];
  for (let chosen = 0; chosen < 2 ** names.length; chosen++) {
    assertFaithful(names, new Set(names.filter((_, at) => (chosen >> at) % 2 === 1)));
  }
});

test("says it as a person would", () => {
  const names = llama(30);
  const choice = (isTrained: (name: string) => boolean) =>
    layerChoiceOf(names, new Set(names.filter(isTrained)), blockOf);
  const block = (name: string) => Number(/\.(\d+)\./.exec(name)?.[1] ?? -1);
  assert.deepEqual(
    choice(() => true),
    {},
  );
  assert.deepEqual(
    choice(() => false),
    { freeze: ["*"] },
  );
  assert.deepEqual(
    choice((name) => block(name) >= 28),
    { trainLast: 2 },
  );
  assert.deepEqual(
    choice((name) => block(name) === 0),
    { trainFirst: 1 },
  );
  assert.deepEqual(
    choice((name) => block(name) === 0 || block(name) === 29),
    {
      trainFirst: 1,
      trainLast: 1,
    },
  );
  assert.deepEqual(
    choice((name) => name !== "model.embed_tokens.weight"),
    {
      freeze: ["model.embed_tokens"],
    },
  );
  assert.deepEqual(
    choice((name) => block(name) < 0 || block(name) > 19),
    {
      freeze: ["model.layers.[0-19]"],
    },
  );
  assert.deepEqual(
    choice((name) => !name.includes("mlp")),
    { freeze: ["mlp"] },
  );
  assert.deepEqual(
    choice((name) => /norm|bias/.test(name)),
    { freeze: ["*", "!*norm", "!bias"] },
  );
  assert.deepEqual(
    choice((name) => name === "lm_head.weight"),
    { freeze: ["*", "!lm_head"] },
  );
  assert.deepEqual(
    choice((name) => block(name) >= 28 || name === "model.norm.weight"),
    { trainLast: 2, freeze: ["!model.norm"] },
  );
  assert.deepEqual(
    choice((name) => block(name) >= 20 && name.includes("self_attn")),
    {
      freeze: ["*", "!model.layers.[20-29].self_attn"],
    },
  );
  assert.deepEqual(
    choice((name) => block(name) === 7 || name.includes("q_proj")),
    {
      freeze: ["*", "!q_proj", "!model.layers.7"],
    },
  );
});

test("a model of 80 blocks takes a moment, not seconds", () => {
  const names = llama(80);
  // Every third tensor: nothing that patterns say well.
  const trained = new Set(names.filter((_, index) => index % 3 === 0));
  const startedAt = performance.now();
  assertFaithful(names, trained);
  assert.ok(performance.now() - startedAt < 3_000);
});
