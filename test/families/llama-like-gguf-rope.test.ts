/**
 * A .gguf's rotary scaling in config.json's words: Llama 3's factors against transformers' own frequencies
 * (test/golden/models/rope.json) and against the model that everyone has; YaRN's against llama.cpp's formula.
 */
import assert from "node:assert/strict";
import path from "node:path";
import { readFileSync, writeFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { ropeScaling } from "../../src/families/llama-like-gguf-rope.ts";
import { readGgufHeader } from "../../src/gguf/header.ts";
import { type Value, writeGguf } from "../gguf/write-gguf.ts";
import { refuses } from "../support/refuses.ts";
import { tempDir } from "../support/temp-dir.ts";

interface RopeCase {
  name: string;
  config: { rope_parameters: Record<string, number | string>; head_dim: number };
  frequencies: number[];
  attentionFactor: number;
}
const CASES = JSON.parse(
  readFileSync(path.join(import.meta.dirname, "../golden/models/rope.json"), "utf8"),
) as RopeCase[];

/** For the header that a converter of llama.cpp's would write. @param factors rope_freqs.weight */
async function scalingOf(
  t: TestContext,
  { metadata = {}, factors }: { metadata?: Record<string, Value>; factors?: readonly number[] },
  rope: Partial<{ theta: number; headSize: number; maxPositions: number }> = {},
) {
  const file = path.join(tempDir(t), "model.gguf");
  const keys = Object.entries(metadata).map(([key, value]) => [`llama.rope.${key}`, value]);
  const tensors = factors ? [{ name: "rope_freqs.weight", shape: [factors.length] }] : [];
  await writeGguf(file, Object.fromEntries(keys) as Record<string, Value>, tensors);
  const header = await readGgufHeader(file);
  const tensor = header.tensors.get("rope_freqs.weight");
  if (factors && tensor) {
    const bytes = readFileSync(file);
    bytes.set(new Uint8Array(Float32Array.from(factors).buffer), tensor.byteOffset);
    writeFileSync(file, bytes);
  }
  return ropeScaling(header, {
    architecture: "llama",
    theta: 500_000,
    headSize: 128,
    maxPositions: 131_072,
    ...rope,
  });
}

/** llama.cpp's convert_hf_to_gguf.py, Llama: generate_extra_tensors. */
function divisorOf(wavelength: number, factor: number, original: number): number {
  const [lowFrequencyWavelength, highFrequencyWavelength] = [original / 1, original / 4];
  if (wavelength < highFrequencyWavelength) return 1;
  if (wavelength > lowFrequencyWavelength) return factor;
  const smooth = (original / wavelength - 1) / (4 - 1);
  return 1 / ((1 - smooth) / factor + smooth);
}

type Llama3 = Record<"theta" | "headSize" | "factor", number>;

function llama3Factors({ theta, headSize, factor }: Llama3): number[] {
  return Array.from({ length: headSize / 2 }, (_, i) =>
    divisorOf(2 * Math.PI * theta ** ((2 * i) / headSize), factor, 8192),
  );
}

const llama3 = (factor: number) => ({
  rope_type: "llama3",
  type: "llama3",
  factor,
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 8192,
});

test("the converter's formula divides frequencies as transformers does", () => {
  const golden = CASES.find(({ name }) => name === "llama3")!;
  const plain = CASES.find(({ name }) => name === "default")!;
  const { factor, original_max_position_embeddings: original } = golden.config.rope_parameters;
  for (const [i, frequency] of plain.frequencies.entries()) {
    const expected = divisorOf((2 * Math.PI) / frequency, Number(factor), Number(original));
    const divisor = frequency / golden.frequencies[i]!;
    assert.ok(Math.abs(divisor - expected) < 1e-5 * expected, `${i}: ${divisor}, ${expected}`);
  }
});

for (const [model, theta, headSize, factor] of [
  ["Llama 3.1 8B", 500_000, 128, 8],
  ["Llama 3.2 1B", 500_000, 64, 32],
] as const) {
  test(`the factors of ${model} are its rope_scaling again`, async (t) => {
    const factors = llama3Factors({ theta, headSize, factor });
    assert.equal(factors[0], 1);
    assert.equal(factors.at(-1), factor);
    assert.ok(
      factors.some((each) => each > 1 && each < factor),
      "the band between",
    );
    assert.deepEqual(await scalingOf(t, { factors }, { theta, headSize }), llama3(factor));
  });
}

test("factors that are all one are no scaling", async (t) => {
  const factors = Array.from({ length: 64 }, () => 1);
  assert.equal(await scalingOf(t, { factors }), null);
});

test("one factor that is off by a thousandth, or one too few, is refused", async (t) => {
  const factors = llama3Factors({ theta: 500_000, headSize: 128, factor: 8 });
  const middle = factors.findIndex((each) => each > 1 && each < 8);
  const message =
    /model\.gguf: tensor rope_freqs\.weight holds rotary factors that are not Llama 3's/;
  for (const at of [0, middle]) {
    const off = factors.map((each, i) => (i === at ? each * 1.001 : each));
    await refuses(scalingOf(t, { factors: off }), message);
  }
  await refuses(scalingOf(t, { factors: factors.slice(0, -1) }), message);
  await refuses(scalingOf(t, { factors }, { theta: 10_000 }), message);
});

test("nothing said, none and a linear factor of 1 are no scaling", async (t) => {
  assert.equal(await scalingOf(t, {}), null);
  assert.equal(
    await scalingOf(t, { metadata: { "scaling.type": "none", "scaling.factor": 4 } }),
    null,
  );
  assert.equal(await scalingOf(t, { metadata: { scale_linear: 1 } }), null);
  assert.equal(
    await scalingOf(t, { metadata: { "scaling.type": "linear", "scaling.factor": 1 } }),
    null,
  );
  assert.equal(await scalingOf(t, { metadata: { "scaling.type": "linear" } }), null);
});

test("a factor is the decimal that was written, not its float32", async (t) => {
  const scaling = await scalingOf(t, {
    metadata: { "scaling.type": "linear", "scaling.factor": 2.6 },
  });
  assert.notEqual(Math.fround(2.6), 2.6);
  assert.deepEqual(scaling, { rope_type: "linear", type: "linear", factor: 2.6 });
});

test("the newer key goes before the old one", async (t) => {
  const metadata = { scale_linear: 4, "scaling.type": "linear", "scaling.factor": 2 };
  assert.equal((await scalingOf(t, { metadata }))?.["factor"], 2);
});

test("YaRN without more has the original length that the factor leaves, and the family's own attention factor", async (t) => {
  const metadata = { "scaling.type": "yarn", "scaling.factor": 16 };
  assert.deepEqual(await scalingOf(t, { metadata }, { maxPositions: 65_536 }), {
    rope_type: "yarn",
    type: "yarn",
    factor: 16,
    original_max_position_embeddings: 4096,
  });
});

test("YaRN's attention factor is llama.cpp's times its own, the betas are as written", async (t) => {
  const golden = CASES.find(({ name }) => name === "yarn")!;
  const { factor, original_max_position_embeddings: original } = golden.config.rope_parameters;
  const scaling = await scalingOf(t, {
    metadata: {
      "scaling.type": "yarn",
      "scaling.factor": Number(factor),
      "scaling.original_context_length": Number(original),
      "scaling.attn_factor": 1,
      "scaling.yarn_beta_fast": 24.5,
      "scaling.yarn_beta_slow": 2,
    },
  });
  assert.equal(scaling?.["original_max_position_embeddings"], 512);
  // transformers' own for factor 4: 0.1 ln 4 + 1.
  const { attention_factor: attention, beta_fast: fast, beta_slow: slow } = scaling ?? {};
  assert.ok(Math.abs(Number(attention) - golden.attentionFactor) < 1e-12);
  assert.deepEqual([fast, slow], [24.5, 2]);
});

test("what config.json has no words for is refused by its key", async (t) => {
  const cases: [Record<string, Value>, RegExp][] = [
    [{ "scaling.type": "yarn" }, /metadata llama\.rope\.scaling\.factor is missing$/],
    [
      { "scaling.type": "longrope", "scaling.factor": 2 },
      /type "longrope" is not supported; supported: none, linear, yarn$/,
    ],
    [
      { "scaling.type": "yarn", "scaling.factor": 2, "scaling.yarn_ext_factor": 0.5 },
      /yarn_ext_factor other than 1 is not supported$/,
    ],
    [{ "scaling.type": 3 }, /metadata llama\.rope\.scaling\.type is a number, expected a string$/],
    [
      { "scaling.factor": "2" },
      /metadata llama\.rope\.scaling\.factor is a string, expected a number$/,
    ],
  ];
  for (const [metadata, message] of cases) await refuses(scalingOf(t, { metadata }), message);
});

test("metadata and factors at once are one too many", async (t) => {
  const factors = llama3Factors({ theta: 500_000, headSize: 128, factor: 8 });
  await refuses(
    scalingOf(t, { metadata: { scale_linear: 4 }, factors }),
    /has both llama\.rope\.scaling\.type and tensor rope_freqs\.weight; not supported$/,
  );
});
