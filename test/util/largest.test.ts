import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { largest } from "../../src/util/largest.ts";

test("the largest of some values is what Math.max says, from any iterable", () => {
  fc.assert(
    fc.property(fc.array(fc.double()), (values) => {
      assert.ok(Object.is(largest(values), Math.max(...values)));
      assert.ok(
        Object.is(largest(new Map(values.entries()).values(), -1), Math.max(-1, ...values)),
      );
    }),
    { seed: 80, numRuns: 300 },
  );
});

test("a million values are no matter for the stack", () => {
  const values = Array.from({ length: 1_000_000 }, (_, i) => (i * 7919) % 1_000_003);
  assert.throws(() => Math.max(...values), RangeError);
  assert.equal(largest(values), values.toSorted((a, b) => b - a)[0]);
});

test("of none the least is the largest", () => {
  assert.equal(largest([]), -Infinity);
  assert.equal(largest([], 0), 0);
});
