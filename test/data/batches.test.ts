import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  countBatches,
  epochBatches,
  evaluationBatches,
  splitExamples,
} from "../../src/data/batches.ts";
import type { Example } from "../../src/data/example.ts";
import type { Packing } from "../../src/protocol/recipe.ts";

function rows(lengths: readonly number[]): Example[] {
  return lengths.map((length, index) => ({
    ids: new Int32Array(length),
    weights: new Float32Array(length),
    line: index + 1,
  }));
}

const MAX_LENGTH = 50;

const arbitrary = fc.record({
  packing: fc.constantFrom<Packing>("auto", true, false),
  lengths: fc.array(fc.integer({ min: 1, max: MAX_LENGTH }), {
    minLength: 1,
    maxLength: 600,
    size: "max",
  }),
  batchSize: fc.integer({ min: 1, max: 9 }),
  seed: fc.integer({ min: 0, max: 0xffffffff }),
  epoch: fc.nat(20),
});

test("an epoch shows every row once, in as many batches as were counted", () => {
  fc.assert(
    fc.property(arbitrary, ({ lengths, ...rest }) => {
      const options = { ...rest, maxLength: MAX_LENGTH };
      const batches = epochBatches(rows(lengths), options);
      const seen = batches.flat().toSorted((a, b) => a - b);
      assert.deepEqual(
        seen,
        lengths.map((_, row) => row),
      );
      assert.equal(batches.length, countBatches(rows(lengths), options));
      assert.ok(batches.every((batch) => batch.length > 0));
    }),
  );
});

test("auto and false count rows: every batch but one has as many as were asked for", () => {
  fc.assert(
    fc.property(arbitrary, fc.constantFrom<Packing>("auto", false), (options, packing) => {
      const { lengths, batchSize } = options;
      const batches = epochBatches(rows(lengths), { ...options, packing, maxLength: MAX_LENGTH });
      assert.equal(batches.length, Math.ceil(lengths.length / batchSize));
      assert.ok(batches.every((batch) => batch.length <= batchSize));
    }),
  );
});

test("true counts tokens: none above batchSize × maxLength, and at most one batch is half empty", () => {
  fc.assert(
    fc.property(arbitrary, ({ lengths, ...rest }) => {
      const options = { ...rest, packing: true as const, maxLength: MAX_LENGTH };
      const batches = epochBatches(rows(lengths), options);
      const budget = rest.batchSize * MAX_LENGTH;
      const filled = batches.map((batch) => batch.reduce((sum, row) => sum + lengths[row]!, 0));
      assert.ok(filled.every((tokens) => tokens <= budget));
      // What fits worst goes on to the next window, so only the last one leaves a batch half empty.
      assert.ok(filled.filter((tokens) => tokens <= budget / 2).length <= 1);
    }),
  );
});

test("rows of 40 to 400 tokens fill a packed epoch's micro-batches to 99 %", () => {
  const lengths = Array.from({ length: 4000 }, (_, i) => 40 + ((i * 7919) % 361));
  const options = { batchSize: 4, maxLength: 512, seed: 3, epoch: 0 };
  const packed = epochBatches(rows(lengths), { ...options, packing: true });
  const tokens = lengths.reduce((a, b) => a + b, 0);
  assert.ok(packed.length <= (1.01 * tokens) / 2048, `${packed.length} for ${tokens} tokens`);
  assert.equal(epochBatches(rows(lengths), { ...options, packing: "auto" }).length, 1000);
});

test("order depends on seed and epoch, and on nothing else", () => {
  const examples = rows(Array.from({ length: 100 }, (_, i) => 1 + ((i * 37) % 47)));
  for (const packing of ["auto", true, false] as const) {
    const order = (seed: number, epoch: number): string =>
      JSON.stringify(
        epochBatches(examples, { packing, batchSize: 4, maxLength: MAX_LENGTH, seed, epoch }),
      );
    assert.equal(order(1, 0), order(1, 0));
    assert.equal(new Set([order(1, 0), order(1, 1), order(2, 0), order(2, 1)]).size, 4);
  }
});

test("auto puts rows of like length together: lengths differ less than half as much as with false", () => {
  const examples = rows(Array.from({ length: 400 }, (_, i) => 1 + ((i * 7919) % 200)));
  const options = { batchSize: 8, maxLength: 200, seed: 3, epoch: 0 };
  const shortfall = (packing: Packing): number =>
    epochBatches(examples, { ...options, packing }).reduce((sum, batch) => {
      const lengths = batch.map((row) => examples[row]!.ids.length);
      return sum + Math.max(...lengths) * batch.length - lengths.reduce((a, b) => a + b, 0);
    }, 0);
  const [grouped, shuffled] = [shortfall("auto"), shortfall(false)];
  assert.ok(grouped < shuffled / 2, `${grouped} against ${shuffled}`);
});

test("evaluation takes every row once, whatever the order of the file", () => {
  const examples = rows([5, 1, 9, 1, 7]);
  const batches = [...evaluationBatches(examples, 2)];
  assert.deepEqual(
    batches.map((batch) => batch.map(({ line }) => line)),
    [[2, 4], [1, 5], [3]],
  );
  assert.deepEqual([...evaluationBatches(examples.toReversed(), 2)], batches);
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
