import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { epochBatches, evaluationBatches, splitExamples } from "../../src/data/batches.ts";
import type { Example } from "../../src/data/example.ts";

function rows(lengths: readonly number[]): Example[] {
  return lengths.map((length, index) => ({
    ids: new Int32Array(length),
    counted: new Uint8Array(length),
    line: index + 1,
  }));
}

const arbitrary = fc.record({
  lengths: fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 300 }),
  batchSize: fc.integer({ min: 1, max: 9 }),
  seed: fc.integer({ min: 0, max: 0xffffffff }),
  epoch: fc.nat(20),
});

test("an epoch shows every row once, in batches of the size asked for", () => {
  fc.assert(
    fc.property(arbitrary, ({ lengths, batchSize, seed, epoch }) => {
      const batches = epochBatches(rows(lengths), { batchSize, seed, epoch });
      const seen = batches.flat().toSorted((a, b) => a - b);
      assert.deepEqual(
        seen,
        lengths.map((_, row) => row),
      );
      assert.equal(batches.length, Math.ceil(lengths.length / batchSize));
      assert.ok(batches.every((batch) => batch.length <= batchSize && batch.length > 0));
    }),
  );
});

test("order depends on seed and epoch, and on nothing else", () => {
  const examples = rows(Array.from({ length: 100 }, (_, i) => (i * 37) % 61));
  const order = (seed: number, epoch: number): string =>
    JSON.stringify(epochBatches(examples, { batchSize: 4, seed, epoch }));
  assert.equal(order(1, 0), order(1, 0));
  assert.equal(new Set([order(1, 0), order(1, 1), order(2, 0), order(2, 1)]).size, 4);
});

test("rows of like length share a batch: padding falls by more than half", () => {
  const examples = rows(Array.from({ length: 400 }, (_, i) => 1 + ((i * 7919) % 200)));
  const padded = (batches: readonly (readonly number[])[]): number =>
    batches.reduce((sum, batch) => {
      const lengths = batch.map((row) => examples[row]!.ids.length);
      return sum + Math.max(...lengths) * batch.length - lengths.reduce((a, b) => a + b, 0);
    }, 0);
  const grouped = padded(epochBatches(examples, { batchSize: 8, seed: 3, epoch: 0 }));
  const inOrder = padded(
    Array.from({ length: 50 }, (_, i) => Array.from({ length: 8 }, (__, k) => i * 8 + k)),
  );
  assert.ok(grouped < inOrder / 2, `${grouped} against ${inOrder}`);
});

test("evaluation takes every row once, whatever the order of the file", () => {
  const examples = rows([5, 1, 9, 1, 7]);
  const batches = evaluationBatches(examples, 2);
  assert.deepEqual(
    batches.map((batch) => batch.map(({ line }) => line)),
    [[2, 4], [1, 5], [3]],
  );
  assert.deepEqual(evaluationBatches(examples.toReversed(), 2), batches);
});

test("a split holds out the share asked for, at least one row, and never all", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 200 }),
      fc.double({ min: 0.001, max: 0.999, noNaN: true }),
      fc.nat(),
      (count, share, seed) => {
        const examples = rows(Array.from({ length: count }, () => 3));
        const { train, evaluation } = splitExamples(examples, { share, seed });
        assert.equal(train.length + evaluation.length, count);
        assert.ok(train.length > 0 && evaluation.length > 0);
        assert.ok(Math.abs(evaluation.length - share * count) <= 1);
        const lines = new Set([...train, ...evaluation].map(({ line }) => line));
        assert.equal(lines.size, count);
      },
    ),
  );
});
