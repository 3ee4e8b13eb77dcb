import assert from "node:assert/strict";
import { test } from "node:test";
import { pairedRatio, spread } from "../../../bench/train/statistics.ts";

test("the median of an even count is the mean of the middle two", () => {
  assert.deepEqual(spread([4, 1, 3, 10]), { median: 3.5, min: 1, max: 10 });
  assert.deepEqual(spread([5]), { median: 5, min: 5, max: 5 });
});

test("a paired ratio is taken round by round, so a slow round cancels out", () => {
  // The machine is four times slower in the last round, for both.
  assert.deepEqual(pairedRatio([8, 9, 32], [10, 10, 40]), { median: 0.8, min: 0.8, max: 0.9 });
});

test("rounds that do not pair are refused", () => {
  assert.throws(() => pairedRatio([1, 2], [1]), /2 rounds against 1/);
  assert.throws(() => spread([]), /nothing was measured/);
});
