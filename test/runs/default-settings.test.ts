import assert from "node:assert/strict";
import { test } from "node:test";
import { type Method, methodSchema } from "../../src/protocol/methods.ts";
import { defaultLearningRate, defaultSchedule } from "../../src/runs/default-settings.ts";

const method = (type: string, more: object = {}): Method => methodSchema.parse({ type, ...more });
const TYPES = "lora ia3 loreft direft noreft prompt-tuning prefix-tuning freeze head full".split(
  " ",
);

test("a large base, and one of unknown size, takes its library's rate", () => {
  assert.equal(defaultLearningRate(method("lora")), 2e-4);
  assert.equal(defaultLearningRate(method("lora"), 7e9), 2e-4);
  assert.equal(defaultLearningRate(method("full"), 1e9), 2e-5);
  assert.equal(defaultLearningRate(method("full", { init: "random" }), 7e9), 1e-3);
});

test("a small base takes larger steps, never beyond what was measured", () => {
  assert.equal(defaultLearningRate(method("lora"), 2.4e6), 2e-3);
  assert.equal(defaultLearningRate(method("lora"), 27e3), 2e-3);
  // SmolLM2.
  assert.equal(defaultLearningRate(method("lora"), 135e6), 4.3e-4);
  for (const type of TYPES) {
    const rates = [1e5, 2.4e6, 1e7, 1e8, 1e9, 1e11].map((n) =>
      defaultLearningRate(method(type), n),
    );
    assert.deepEqual(
      rates.toSorted((a, b) => b - a),
      rates,
      type,
    );
  }
});

test("few rows are seen more often, many once", () => {
  const epochs = (rows?: number) => defaultSchedule(method("lora"), rows).epochs;
  assert.deepEqual([10, 260, 720, 5_000, 30_000, 500_000].map(epochs), [20, 5, 3, 3, 2, 1]);
  assert.equal(epochs(), 3);
  assert.equal(epochs(0), 20);
  assert.equal(defaultSchedule(method("head"), 720).epochs, 20);
});

test("every run is evaluated about a dozen times, and no rarer than each 500 steps", () => {
  for (const rows of [10, 260, 720, 5_000, 500_000]) {
    const { batchSize, epochs, evalEvery, saveEvery } = defaultSchedule(method("lora"), rows);
    const evaluations = Math.ceil((rows * epochs) / batchSize) / evalEvery;
    assert.ok(
      evaluations >= 8 && (evaluations <= 16 || evalEvery === 500),
      `${rows}: ${evaluations}`,
    );
    assert.ok(saveEvery >= evalEvery);
  }
});
