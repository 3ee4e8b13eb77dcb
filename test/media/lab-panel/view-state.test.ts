import assert from "node:assert/strict";
import { test } from "node:test";
import { restoreView } from "../../../media/lab-panel/view-state.ts";

const DIR = "/w/.retune/interpolations/s";
const fresh = { interpolationDir: DIR, scrollY: 0 };

test("what was set comes back, whole", () => {
  const view = {
    interpolationDir: DIR,
    metric: "accuracy",
    x: "data:own",
    y: "mean:shifted",
    alpha: 0.4,
    scrollY: 120,
  };
  assert.deepEqual(restoreView(structuredClone(view), DIR), view);
});

test("nothing, and what is no state of this page, is a fresh page", () => {
  for (const odd of [undefined, null, "{}", 3, [], { alpha: 0.5 }]) {
    assert.deepEqual(restoreView(odd, DIR), fresh);
  }
});

test("the state of another interpolation is not this one's", () => {
  const other = { interpolationDir: "/w/other", metric: "accuracy", alpha: 0.4, scrollY: 9 };
  assert.deepEqual(restoreView(other, DIR), fresh);
});

test("one odd setting of an older version costs that setting alone", () => {
  const saved = {
    interpolationDir: DIR,
    metric: 3,
    x: "data:own",
    y: null,
    alpha: "1",
    scrollY: "9",
  };
  assert.deepEqual(restoreView(saved, DIR), { ...fresh, x: "data:own" });
});

test("an alpha is from 0 to 1, both ends too", () => {
  const alphaOf = (alpha: unknown) => restoreView({ interpolationDir: DIR, alpha }, DIR).alpha;
  for (const alpha of [0, 0.5, 1]) assert.equal(alphaOf(alpha), alpha);
  for (const odd of [-0.1, 1.01, NaN, Infinity, null]) assert.equal(alphaOf(odd), undefined);
});
