/** DELLA's ranks, against a comparing sort. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { RowSorter } from "../../../src/merge/methods/row-sorter.ts";

test("places of a row come by magnitude, equal ones by place, at any length of rows", () => {
  const random = xoroshiro128plus(7);
  for (const columns of [1, 2, 63, 600, 4095, 4096, 5000]) {
    const sorter = new RowSorter(columns);
    // Many equal ones; all bits used; all alike but for the upper bits.
    for (const [span, shift] of [
      [3, 0],
      [0x7fffffff, 0],
      [100, 16],
    ] as const) {
      const bits = Uint32Array.from(
        { length: columns },
        () => uniformInt(random, 0, span) << shift,
      );
      const expected = Array.from(bits.keys()).toSorted((a, b) => bits[a]! - bits[b]! || a - b);
      assert.deepEqual(Array.from(sorter.ascending(bits)), expected, `${columns}, ${span}`);
    }
  }
});
