/** Sizes rounded up for a runtime that prepares its kernels by size: what fills them up changes no gradient. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Example } from "../../src/data/example.ts";
import { openBaseModel } from "../../src/models/base-model.ts";
import { CPU, type Device } from "../../src/onnx-engine/device.ts";
import { feedFormOf, runFeeds, trimRows } from "../../src/onnx-engine/ort-feeds.ts";
import type { StepForm } from "../../src/onnx-engine/ort-graphs.ts";
import type { Rounding } from "../../src/onnx-engine/runtime.ts";
import type { Method } from "../../src/protocol/methods.ts";
import { assertClose } from "../support/assert-close.ts";
import { moveParameters, openGolden } from "../support/golden-steps.ts";
import { goldenModel, readBatch } from "../support/llama-golden.ts";
import { stepPlan } from "../support/step-plans.ts";

/** Other kernels for other sizes: rounding alone. */
const TOLERANCE = { rtol: 2e-5, atol: 2e-7 };

const lora = { type: "lora", rank: 4, alpha: 8, dropout: 0, variant: "lora" } as const;

const METHODS: [string, Method][] = [
  ["tied", { ...lora, targets: "all-linear" }],
  ["tied", { ...lora, targets: ["q_proj", "embed_tokens"] }],
  ["untied", { ...lora, targets: ["q_proj", "lm_head"] }],
  // The embedding's gradient is summed by token: filling is token 0.
  ["tied", { type: "full", init: "base" }],
  ["tied", { type: "prompt-tuning", tokens: 3, init: "vocabulary" }],
];

const FORMS: Partial<StepForm>[] = [{}, { blocks: 2, rowChunks: 3, kept: "layers" }];

const ROUNDINGS: Rounding[] = [
  { tokens: 64, places: 16, rows: 64 },
  { tokens: 5, places: 1, rows: 1 },
];

async function step(
  variant: string,
  { method, form, rounding }: { method: Method; form: Partial<StepForm>; rounding?: Rounding },
) {
  const runtime = { ...CPU.runtime, ...(rounding ? { rounding } : {}) };
  const device: Device = { ...CPU, runtime };
  const engine = await openGolden(variant, method, { plan: stepPlan(form), device });
  moveParameters(engine);
  const into = new Float32Array(engine.parameters.length);
  const batch = await readBatch(variant);
  const sums = await engine.accumulateGradients(batch, { scale: 0.1, dropoutSeed: 1, into });
  const evaluated = await engine.evaluate(batch);
  return { sums, into, evaluated };
}

for (const [variant, method] of METHODS) {
  for (const form of FORMS) {
    const targets = "targets" in method ? ` ${String(method.targets)}` : "";
    test(`${method.type}${targets}, ${JSON.stringify(form)}: rounded sizes, same gradients`, async () => {
      const plain = await step(variant, { method, form });
      for (const rounding of ROUNDINGS) {
        const rounded = await step(variant, { method, form, rounding });
        assert.equal(rounded.sums.counted, plain.sums.counted);
        assertClose([rounded.sums.lossSum], [plain.sums.lossSum], TOLERANCE);
        assertClose(rounded.into, plain.into, TOLERANCE);
        assertClose([rounded.evaluated.lossSum], [plain.evaluated.lossSum], TOLERANCE);
        assert.equal(rounded.evaluated.correct, plain.evaluated.correct);
      }
    });
  }
}

test("rows that fill their places get one more, where filling needs padding to stand in", async () => {
  const { architecture } = await openBaseModel(goldenModel("tied"));
  const row = (length: number): Example => ({
    ids: new Int32Array(length + 1).fill(1),
    weights: new Float32Array(length + 1).fill(1),
    line: 1,
  });
  const sizesOf = (lengths: readonly number[], rounding: Rounding) => {
    const tuning = { trained: new Set<string>(), adapter: undefined };
    const options = { architecture, tuning, maxPositions: 64, typeOf: () => "float32" as const };
    const form = { blocks: 1, rowChunks: 1, vocabularyChunks: 1, kept: "all" } as const;
    const { N, B, L, R } = runFeeds(
      trimRows(lengths.map(row)),
      1,
      feedFormOf(options, form, rounding),
    ).sizes;
    return { N, B, L, R };
  };
  const rounding = { tokens: 8, places: 4, rows: 8 };
  assert.deepEqual(sizesOf([8, 8], rounding), { N: 16, B: 2, L: 8, R: 16 });
  assert.deepEqual(sizesOf([8, 4], rounding), { N: 16, B: 2, L: 8, R: 16 });
  assert.deepEqual(sizesOf([12], rounding), { N: 16, B: 1, L: 16, R: 16 });
  assert.deepEqual(sizesOf([5, 3], rounding), { N: 8, B: 2, L: 8, R: 8 });
});
