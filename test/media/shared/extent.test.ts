import assert from "node:assert/strict";
import { test } from "node:test";
import { extentOf } from "../../../media/shared/extent.ts";

test("least and most, of any iterable", () => {
  assert.deepEqual(extentOf([3, -1, 2]), { min: -1, max: 3 });
  assert.deepEqual(extentOf(new Set([5])), { min: 5, max: 5 });
  assert.deepEqual(extentOf(new Float64Array([0.5, 0.25])), { min: 0.25, max: 0.5 });
});

test("of nothing the range is turned round, so that the next value makes both ends", () => {
  const none = extentOf([]);
  assert.deepEqual(none, { min: Infinity, max: -Infinity });
  assert.deepEqual(extentOf([none.min, none.max, 4].filter(Number.isFinite)), { min: 4, max: 4 });
});

test("a value that is no number makes the whole unknown, and does not hide", () => {
  assert.deepEqual(extentOf([1, NaN, 2]), { min: NaN, max: NaN });
});
