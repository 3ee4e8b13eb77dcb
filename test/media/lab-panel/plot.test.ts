import assert from "node:assert/strict";
import { test } from "node:test";
import { rangeOf } from "../../../media/lab-panel/plot.ts";
import { assertClose } from "../../support/assert-close.ts";
import { Dice } from "../../support/fuzz/dice.ts";

function range(values: readonly number[]): [number, number] {
  const { min, max } = rangeOf(values);
  return [min, max];
}

test("an axis has 8 % of its values' range free at each end", () => {
  assertClose(range([1, 3, 2]), [0.84, 3.16], { atol: 1e-12 });
  assertClose(range([-1, 0]), [-1.08, 0.08], { atol: 1e-12 });
});

test("a lone value, or equal ones, has a twentieth of itself around it; zero has a fixed room", () => {
  assertClose(range([2]), [1.9, 2.1], { atol: 1e-12 });
  assertClose(range([-2, -2]), [-2.1, -1.9], { atol: 1e-12 });
  assertClose(range([0, 0]), [-0.05, 0.05], { atol: 1e-12 });
});

test("without a value the axis is that of a share", () => {
  assert.deepEqual(range([]), [0, 1]);
});

test("all values lie inside, the range is none of zero, and the order of values is nothing to it", () => {
  for (let seed = 0; seed < 200; seed++) {
    const dice = new Dice(seed);
    const values = Array.from({ length: 1 + dice.int(8) }, () => dice.int(2001) / 1000 - 1);
    const [min, max] = range(values);
    assert.ok(max > min, `seed ${seed}`);
    for (const value of values) assert.ok(value > min && value < max, `seed ${seed}: ${value}`);
    assert.deepEqual(range(values.toReversed()), [min, max], `seed ${seed}`);
  }
});

test("more values than a call takes arguments are no trouble", () => {
  assertClose(range(Array.from({ length: 300_000 }, (_, index) => index % 11)), [-0.8, 10.8], {
    atol: 1e-12,
  });
});
