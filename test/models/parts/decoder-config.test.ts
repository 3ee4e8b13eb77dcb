import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDecoderConfig } from "../../../src/models/parts/decoder-config.ts";

const SIZES = {
  model_type: "llama",
  vocab_size: 32,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 1,
  num_attention_heads: 2,
};

// [config.json, type, factor, theta], the latter as transformers 5.23's AutoConfig reads them.
const LINEAR = { rope_type: "linear", factor: 4 };
const LATER = { rope_type: "linear", factor: 8, rope_theta: 1e6 };
const cases: [string, object, string, number | undefined, number][] = [
  ["rope_scaling alone", { rope_scaling: LINEAR, rope_theta: 5000 }, "linear", 4, 5000],
  [
    "rope_scaling under its old name",
    { rope_scaling: { type: "linear", factor: 4 } },
    "linear",
    4,
    1e4,
  ],
  ["rope_parameters alone", { rope_parameters: LATER }, "linear", 8, 1e6],
  [
    "both: rope_scaling counts, with no key of the other",
    { rope_scaling: LINEAR, rope_parameters: LATER },
    "linear",
    4,
    1e4,
  ],
  [
    "both, and rope_theta",
    { rope_scaling: LINEAR, rope_parameters: LATER, rope_theta: 5000 },
    "linear",
    4,
    5000,
  ],
  ["rope_scaling null", { rope_scaling: null, rope_parameters: LATER }, "linear", 8, 1e6],
  ["rope_scaling empty", { rope_scaling: {}, rope_parameters: LATER }, "linear", 8, 1e6],
  [
    "theta inside and outside",
    { rope_parameters: { rope_type: "default", rope_theta: 7000 }, rope_theta: 5000 },
    "default",
    undefined,
    7000,
  ],
  [
    "two names that differ",
    { rope_scaling: { type: "linear", rope_type: "dynamic", factor: 4 } },
    "dynamic",
    undefined,
    1e4,
  ],
  ["neither", {}, "default", undefined, 1e4],
];

for (const [statement, config, type, factor, theta] of cases) {
  test(`rope is transformers': ${statement}`, () => {
    const { rope } = parseDecoderConfig({ ...SIZES, ...config }, "config.json");
    assert.deepEqual(
      [rope.type, "factor" in rope ? rope.factor : undefined, rope.theta],
      [type, factor, theta],
    );
  });
}

test("what a config leaves out is DecoderConfig's of transformers 5.23", () => {
  const { rope, ...config } = parseDecoderConfig(SIZES, "config.json");
  assert.deepEqual(config, {
    vocabSize: 32,
    hiddenSize: 16,
    intermediateSize: 24,
    layers: 1,
    heads: 2,
    keyValueHeads: 2,
    headSize: 8,
    maxPositions: 2048,
    initializerRange: 0.02,
    normEpsilon: 1e-6,
    tiedEmbeddings: false,
    attentionBias: false,
    mlpBias: false,
  });
  assert.deepEqual(rope, { type: "default", theta: 10_000, headSize: 8 });
});

test("more layers than any model has are refused before one is made", () => {
  assert.throws(
    () => parseDecoderConfig({ ...SIZES, num_hidden_layers: 16_777_216 }, "config.json"),
    /^InputError: config\.json: num_hidden_layers: /,
  );
});
