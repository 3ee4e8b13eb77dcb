import assert from "node:assert/strict";
import test from "node:test";
import { smooth } from "../../../media/run-panel/smoothing.ts";
import { assertClose } from "../../support/assert-close.ts";

test("a weight of 0 leaves the series alone", () => {
  assert.deepEqual([...smooth(Float64Array.of(3, 1, 2), 0)], [3, 1, 2]);
});

test("the start is not pulled towards zero", () => {
  const constant = smooth(new Float64Array(50).fill(4), 0.9);
  assertClose(constant, new Float64Array(50).fill(4), { rtol: 1e-12 });
});

test("equals TensorBoard's debiased average", () => {
  // By hand for weight 0.5: 0.5·2 / 0.5; (0.5·1 + 0.5·4) / 0.75; (0.5·2.5 + 0.5·1) / 0.875
  assertClose(smooth(Float64Array.of(2, 4, 1), 0.5), [2, 2.5 / 0.75, 1.75 / 0.875], {
    rtol: 1e-12,
  });
});

test("one NaN or infinite loss leaves a gap and spoils nothing after it", () => {
  const result = smooth(Float64Array.of(2, NaN, Infinity, 4), 0.5);
  assert.ok(Number.isNaN(result[1]) && Number.isNaN(result[2]));
  assertClose([result[3]!], [2.5 / 0.75], { rtol: 1e-12 });
});
