import assert from "node:assert/strict";
import { test } from "node:test";
import { checkFirstLosses } from "../../../bench/train/tokens-case.ts";
import { turnsOfRound } from "../../../bench/train/window.ts";

test("workers take turns, in order", () => {
  assert.deepEqual(turnsOfRound([1, 1, 1]), [0, 1, 2]);
  assert.deepEqual(turnsOfRound([2, 2]), [0, 1, 0, 1]);
});

test("a worker with more steps to a pass comes more often, evenly spread", () => {
  assert.deepEqual(turnsOfRound([2, 4]), [1, 0, 1, 1, 0, 1]);
});

test("first losses that differ by more than rounding are refused, with both names", () => {
  const base = { name: "retune", firstLoss: 10.9267 };
  checkFirstLosses([base, { name: "eager", firstLoss: 10.9272 }]);
  assert.throws(
    () => checkFirstLosses([base, { name: "eager", firstLoss: 10.93 }]),
    /eager is 10\.93, of retune 10\.9267/,
  );
  assert.throws(() => checkFirstLosses([base, { name: "eager", firstLoss: Number.NaN }]), /NaN/);
});
