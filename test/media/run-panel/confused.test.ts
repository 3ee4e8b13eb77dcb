import assert from "node:assert/strict";
import { test } from "node:test";
import { mostConfused } from "../../../media/run-panel/confused.ts";

test("what is confused most comes first, what is right never, and shares are of the label's rows", () => {
  const confusion = [
    [8, 2, 0],
    [5, 0, 5],
    [0, 0, 0],
  ];
  assert.deepEqual(mostConfused(confusion), [
    { label: 1, given: 0, count: 5, share: 0.5 },
    { label: 1, given: 2, count: 5, share: 0.5 },
    { label: 0, given: 1, count: 2, share: 0.2 },
  ]);
  assert.deepEqual(mostConfused([[3]]), []);
});

test("of a thousand labels a list that can be read", () => {
  const labels = 1000;
  const confusion = Array.from({ length: labels }, (_, row) =>
    Array.from({ length: labels }, (__, given) => (given === (row + 1) % labels ? row : 0)),
  );
  const confused = mostConfused(confusion);
  assert.equal(confused.length, 20);
  assert.deepEqual(confused[0], { label: 999, given: 0, count: 999, share: 1 });
});
