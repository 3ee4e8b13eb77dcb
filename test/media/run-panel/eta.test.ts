import assert from "node:assert/strict";
import test from "node:test";
import { estimateRemainingMs } from "../../../media/run-panel/eta.ts";

const steps = (count: number) => Float64Array.from({ length: count }, (_, i) => i + 1);

test("steady steps are extrapolated", () => {
  const done = steps(50);
  assert.equal(
    estimateRemainingMs(
      done,
      done.map((step) => step * 200),
      100,
    ),
    10_000,
  );
});

test("the speed of late counts, not that of a slow start", () => {
  const done = steps(100);
  const elapsed = done.map((step) => (step <= 50 ? step * 1000 : 50_000 + (step - 50) * 100));
  assert.equal(estimateRemainingMs(done, elapsed, 200), 10_000);
});

test("nothing is claimed before there are two steps", () => {
  assert.equal(estimateRemainingMs(new Float64Array(), new Float64Array(), 10), undefined);
  assert.equal(estimateRemainingMs(Float64Array.of(0, 1), Float64Array.of(0, 300), 10), undefined);
});

test("past the planned end nothing remains", () => {
  const done = steps(30);
  assert.equal(estimateRemainingMs(done, done, 20), 0);
});
