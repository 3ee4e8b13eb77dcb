/** AdamW, clipping and schedules against PyTorch and transformers (goldens by make_optimizer.py). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { clipGradients, initAdamW, updateAdamW } from "../../src/training/optimizer.ts";
import { type Schedule, learningRateAt, warmupStepCount } from "../../src/training/schedule.ts";
import golden from "../golden/trainer/optimizer.json" with { type: "json" };
import { assertClose } from "../support/assert-close.ts";

/** float32 on both sides; PyTorch rounds between operations where we round once. */
const PARAMETER_TOLERANCE = { rtol: 2e-6 };

test("AdamW with clipping follows torch step for step; decay spares what it shall spare", () => {
  const { initial, steps, maxGradNorm, settings } = golden.adamw;
  const parameters = Float32Array.from(initial);
  const state = initAdamW(parameters.length);
  const ranges = [
    { start: 0, end: 12, decays: true, rate: 1 },
    { start: 12, end: 16, decays: false, rate: 1 },
  ];
  const [beta1 = 0, beta2 = 0] = settings.betas;
  for (const [index, { gradient, norm, parameters: expected }] of steps.entries()) {
    const gradients = Float32Array.from(gradient);
    assertClose([clipGradients(gradients, maxGradNorm)], [norm], { rtol: 1e-6 }, "norm");
    updateAdamW({ parameters, gradients }, state, ranges, { ...settings, betas: [beta1, beta2] });
    assertClose(parameters, expected, PARAMETER_TOLERANCE, `after step ${index + 1}`);
  }
});

test("clipping with 0 leaves the gradients and still tells their norm", () => {
  const gradients = Float32Array.of(3, 4);
  assert.equal(clipGradients(gradients, 0), 5);
  assert.deepEqual([...gradients], [3, 4]);
});

test("schedules are those of transformers, from the first update to the last", () => {
  for (const { type, warmupSteps, totalSteps, rates } of golden.schedules) {
    const schedule: Schedule = {
      type: type as Schedule["type"],
      learningRate: 2e-4,
      warmupSteps,
      totalSteps,
    };
    const actual = rates.map((_, step) => learningRateAt(step, schedule));
    assertClose(actual, rates, { rtol: 1e-9 }, `${type} ${warmupSteps}/${totalSteps}`);
  }
});

test("warm-up below 1 is a share of all steps, rounded up", () => {
  assert.equal(warmupStepCount(0.03, 100), 3);
  assert.equal(warmupStepCount(0.03, 101), 4);
  assert.equal(warmupStepCount(10, 100), 10);
  assert.equal(warmupStepCount(0, 100), 0);
});
