import assert from "node:assert/strict";
import { test } from "node:test";
import { elementCount } from "../../src/util/element-count.ts";

test("sizes are multiplied; a scalar has one element, an empty tensor none", () => {
  assert.equal(elementCount([2, 3, 4]), 24);
  assert.equal(elementCount([]), 1);
  assert.equal(elementCount([5, 0]), 0);
});

test("a size that is a symbol is told", () => {
  assert.throws(() => elementCount([2, "N"]), /shape \[2,N\] is not static/);
});
