import assert from "node:assert/strict";
import { test } from "node:test";
import { compareLogits } from "../../src/evaluation/logit-difference.ts";
import { assertClose } from "../support/assert-close.ts";

test("logits are compared by difference, arg-max and divergence", () => {
  const log = (shares: number[]): number[] => shares.map(Math.log);
  const p = [0.5, 0.25, 0.25, 0.2, 0.7, 0.1];
  const q = [0.25, 0.5, 0.25, 0.2, 0.7, 0.1];
  // A constant added to a row's logits changes no probability.
  const shifted = log(q).map((value, i) => (i < 3 ? value : value + 3));
  const found = compareLogits(Float32Array.from(log(p)), Float32Array.from(shifted), 3);
  const kl = 0.5 * Math.log(2) + 0.25 * Math.log(0.5);
  assertClose([found.divergence], [kl / 2], { rtol: 1e-5 });
  assertClose([found.largest], [3], { rtol: 1e-6 });
  assertClose([found.mean], [(2 * Math.LN2 + 9) / 6], { rtol: 1e-5 });
  assert.equal(found.same, 0.5);
});
