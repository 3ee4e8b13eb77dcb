import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Example } from "../../src/data/example.ts";
import type { Packing } from "../../src/protocol/recipe.ts";
import { type PlanOptions, planTraining } from "../../src/training/training-plan.ts";

const MAX_LENGTH = 20;

function rows(lengths: readonly number[]): Example[] {
  return lengths.map((length, index) => ({
    ids: new Int32Array(length),
    weights: new Float32Array(length).fill(1),
    line: index + 1,
  }));
}

function options(change: Partial<PlanOptions> & { packing: Packing }): PlanOptions {
  const { packing, ...rest } = change;
  const data = { packing, maxLength: MAX_LENGTH };
  return { batchSize: 2, accumulate: 1, epochs: 1, seed: 42, data, ...rest };
}

const arbitrary = fc.record({
  lengths: fc.array(fc.integer({ min: 1, max: MAX_LENGTH }), {
    minLength: 1,
    maxLength: 200,
    size: "max",
  }),
  packing: fc.constantFrom<Packing>("auto", true, false),
  batchSize: fc.integer({ min: 1, max: 4 }),
  accumulate: fc.integer({ min: 1, max: 3 }),
  epochs: fc.integer({ min: 1, max: 5 }),
  seed: fc.nat(),
});

test("whole epochs: every epoch ends on a step and has shown every row once", () => {
  fc.assert(
    fc.property(arbitrary, ({ lengths, ...rest }) => {
      const plan = planTraining(rows(lengths), options(rest));
      const seen = new Map<number, number>();
      for (let step = 0; step < plan.totalSteps; step++) {
        const batches = plan.microBatches(step);
        assert.ok(batches.length > 0 && batches.length <= rest.accumulate);
        for (const { line } of batches.flat()) seen.set(line, (seen.get(line) ?? 0) + 1);
        const passed = plan.epochAt(step + 1);
        assert.ok(passed > plan.epochAt(step));
        if (!Number.isInteger(passed)) continue;
        assert.ok(lengths.every((_, row) => seen.get(row + 1) === passed));
      }
      assert.equal(plan.epochAt(plan.totalSteps), rest.epochs);
    }),
  );
});

test("a step's rows are the same whichever step was asked for before: a run resumes anywhere", () => {
  fc.assert(
    fc.property(arbitrary, fc.nat(), ({ lengths, ...rest }, chosen) => {
      const plan = planTraining(rows(lengths), options({ ...rest, packing: true }));
      const steps = Array.from({ length: plan.totalSteps }, (_, step) => plan.microBatches(step));
      const step = chosen % plan.totalSteps;
      const resumed = planTraining(rows(lengths), options({ ...rest, packing: true }));
      assert.deepEqual(resumed.microBatches(step), steps[step]);
    }),
  );
});

/** From 4 to 14 of 20 tokens: how well they pair up depends on the window. */
const UNEVEN = Array.from({ length: 200 }, (_, i) => 4 + ((i * 7919) % 11));

test("packed epochs differ in length, and their steps add up", () => {
  const lengthOf = (epochs: number): number =>
    planTraining(rows(UNEVEN), options({ packing: true, batchSize: 1, epochs })).totalSteps;
  const ends = Array.from({ length: 9 }, (_, epoch) => lengthOf(epoch));
  const each = ends.slice(1).map((end, epoch) => end - ends[epoch]!);
  assert.ok(new Set(each).size > 1, `all epochs have ${each[0]} steps`);
  const tokens = UNEVEN.reduce((a, b) => a + b, 0);
  assert.ok(each.every((steps) => steps >= tokens / MAX_LENGTH && steps < UNEVEN.length));
  // Within the third epoch, half of its own steps.
  assert.equal(lengthOf(2.5), ends[2]! + Math.ceil(each[2]! / 2));
});

test("fractions of an epoch cost no step for their rounding", () => {
  const steps = (epochs: number): number =>
    planTraining(rows(Array(20).fill(5)), options({ packing: "auto", epochs })).totalSteps;
  assert.deepEqual([0.1, 1.1, 2.1, 2.25, 3].map(steps), [1, 11, 21, 23, 30]);
});

test("maxSteps ends a run within any epoch, and no further epoch is packed for it", () => {
  for (const packing of ["auto", true] as const) {
    const plan = planTraining(rows(UNEVEN), options({ packing, epochs: 1e12, maxSteps: 333 }));
    assert.equal(plan.totalSteps, 333);
    assert.ok(plan.microBatches(332).length > 0);
  }
});
