import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { linearTicks, logTicks } from "../../../media/shared/ticks.ts";

test("decades where there are enough of them", () => {
  assert.deepEqual(logTicks(0.0005, 20, 10), [0.001, 0.01, 0.1, 1, 10]);
});

test("1-2-5 steps within a decade or two", () => {
  assert.deepEqual(logTicks(0.9, 11, 10), [1, 2, 5, 10]);
});

test("round values where a loss spans a fraction of a decade", () => {
  assert.deepEqual(logTicks(2.1, 2.9, 5), [2.2, 2.4, 2.6, 2.8]);
});

test("nothing to show where a logarithm has no meaning", () => {
  assert.deepEqual(logTicks(0, 10, 5), []);
  assert.deepEqual(logTicks(5, 5, 5), []);
});

test("ticks ascend inside the range and there are at least two of them", () => {
  const positive = fc.double({ min: 1e-6, max: 1e6, noNaN: true });
  fc.assert(
    fc.property(positive, fc.double({ min: 1.01, max: 1e4, noNaN: true }), (min, factor) => {
      for (const ticks of [logTicks(min, min * factor, 6), linearTicks(min, min * factor, 6)]) {
        assert.ok(ticks.length >= 2 && ticks.length <= 8, `${ticks.length} ticks`);
        assert.ok(ticks.every((tick, i) => i === 0 || tick > ticks[i - 1]!));
        assert.ok(ticks[0]! >= min * (1 - 1e-9) && ticks.at(-1)! <= min * factor * (1 + 1e-9));
      }
    }),
  );
});
