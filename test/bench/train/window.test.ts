import assert from "node:assert/strict";
import { test } from "node:test";
import { checkLosses } from "../../../bench/train/training-window.ts";
import { turnsOfRound } from "../../../bench/train/window.ts";

test("workers take turns, in order", () => {
  assert.deepEqual(turnsOfRound([1, 1, 1]), [0, 1, 2]);
  assert.deepEqual(turnsOfRound([2, 2]), [0, 1, 0, 1]);
});

test("a worker with more steps to a pass comes more often, evenly spread", () => {
  assert.deepEqual(turnsOfRound([2, 4]), [1, 0, 1, 1, 0, 1]);
});

test("losses that differ by more than rounding are refused, with both names", () => {
  const base = { name: "retune", loss: 10.9267 };
  checkLosses([base, { name: "eager", loss: 10.9272 }]);
  assert.throws(
    () => checkLosses([base, { name: "eager", loss: 10.93 }]),
    /eager is 10\.93, of retune 10\.9267/,
  );
  assert.throws(() => checkLosses([base, { name: "eager", loss: Number.NaN }]), /NaN/);
});

test("in bfloat16 losses may differ by what rounding makes, and no more", () => {
  const base = { name: "retune", loss: 10.9267 };
  checkLosses([base, { name: "autocast-eager", loss: 10.928 }], "bfloat16");
  assert.throws(
    () => checkLosses([base, { name: "autocast-eager", loss: 10.93 }], "bfloat16"),
    /autocast-eager is 10\.93/,
  );
});
