/** The k largest of many scores, in passes over stretches, against a sort of the whole. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import {
  type Figures,
  type MergeTensor,
  type Pass,
  STRETCH_ALIGNMENT,
  type Stretch,
} from "../../../src/merge/methods/method.ts";
import {
  type Selection,
  cutPasses,
  largestOf,
  largestPasses,
  scoreBits,
  scoreOf,
} from "../../../src/merge/methods/largest.ts";
import { PLAIN } from "../../support/run-method.ts";

/** Two blocks and a piece: the cut may lie in any of them. */
const ELEMENTS = 2 * STRETCH_ALIGNMENT + 777;

interface Asked {
  /** A list of scores, each all of one model's magnitudes. */
  lists: readonly Float32Array[];
  counts: readonly number[];
  /** A stretch's, in blocks. */
  size?: number;
}

function tensorOf({ lists }: Asked): MergeTensor {
  const elements = lists[0]!.length;
  return {
    elements,
    shape: [elements],
    parameters: { ...PLAIN, weight: [], density: [], keys: [] },
  };
}

function stretchesOf({ lists, size = 1 }: Asked): Stretch[] {
  const step = size * STRETCH_ALIGNMENT;
  return Array.from({ length: Math.ceil(lists[0]!.length / step) }, (_, i) => ({
    start: i * step,
    base: undefined,
    models: lists.map((list) => list.slice(i * step, (i + 1) * step)),
  }));
}

function selectionOf({ counts }: Asked): Selection {
  return {
    counts: () => counts,
    scores: ({ models }) =>
      models.map((values, list) => (counts[list]! > 0 ? scoreBits(values) : undefined)),
  };
}

/** The passes, as if each stretch had been looked at by a thread of its own. */
function run(passes: readonly Pass[], asked: Asked): Figures {
  const tensor = tensorOf(asked);
  let figures: Figures = {};
  for (const pass of passes) {
    if (pass.isNeedless?.(figures)) continue;
    const sums = new Float64Array(pass.size(tensor, figures));
    for (const stretch of stretchesOf(asked).toReversed()) {
      const own = new Float64Array(sums.length);
      pass.add(own, stretch, tensor, figures);
      for (let i = 0; i < sums.length; i++) sums[i] = sums[i]! + own[i]!;
    }
    figures = pass.finish(sums, tensor, figures);
  }
  return figures;
}

/** Places of what is taken, by list. */
function taken(asked: Asked): number[][] {
  const figures = run(largestPasses(selectionOf(asked)), asked);
  return asked.lists.map((_, list) =>
    stretchesOf(asked).flatMap(({ start, models }) => {
      if (asked.counts[list] === 0) return [];
      const mask = largestOf(scoreBits(models[list]!), list, { start, figures });
      return [...mask.keys()].filter((i) => mask[i] === 1).map((i) => start + i);
    }),
  );
}

/** By a sort that keeps equals in their order. */
function sorted(values: Float32Array, count: number): number[] {
  const places = [...values.keys()].toSorted(
    (i, j) => Math.abs(values[j]!) - Math.abs(values[i]!) || i - j,
  );
  return places.slice(0, count).toSorted((i, j) => i - j);
}

function values(seed: number, levels: number): Float32Array {
  const random = xoroshiro128plus(seed);
  return Float32Array.from(
    { length: ELEMENTS },
    () => uniformInt(random, -levels, levels) / levels,
  );
}

suite("what is taken is what a sort takes", () => {
  for (const [name, levels] of [
    ["hardly two alike", 2 ** 30],
    ["many alike", 20],
    ["nearly all alike", 1],
  ] as const) {
    for (const count of [1, 2, 1000, STRETCH_ALIGNMENT, 5000, ELEMENTS - 1, ELEMENTS]) {
      test(`${name}, ${count} of them, in stretches of one block and of several`, () => {
        const seed = levels % 1000;
        const list = values(seed, levels);
        for (const size of [1, 2, 3]) {
          const [found] = taken({ lists: [list], counts: [count], size });
          assert.deepEqual(found, sorted(list, count), `seed ${seed}, ${size} blocks`);
        }
      });
    }
  }

  test("several lists are looked through at once, each by its own number, and some not at all", () => {
    const lists = [values(1, 9), values(2, 2 ** 30), values(3, 1), values(4, 100)];
    const counts = [4000, 17, 0, 8000];
    const expected = lists.map((list, i) => sorted(list, counts[i]!));
    assert.deepEqual(taken({ lists, counts }), expected);
  });

  test("all equal: the first ones, to the block's end, beyond it and at its beginning", () => {
    const list = new Float32Array(ELEMENTS).fill(-0.5);
    const ends = [STRETCH_ALIGNMENT - 1, STRETCH_ALIGNMENT, STRETCH_ALIGNMENT + 1, ELEMENTS];
    for (const count of ends) {
      const [found] = taken({ lists: [list], counts: [count] });
      assert.deepEqual(
        found,
        Array.from({ length: count }, (_, i) => i),
      );
    }
  });

  test("scores that differ in their last bit only are told apart", () => {
    const list = new Float32Array(ELEMENTS).fill(1);
    list[5000] = 1 + 2 ** -23;
    list[70] = 1 - 2 ** -24;
    assert.deepEqual(taken({ lists: [list], counts: [1] }), [[5000]]);
    const [found] = taken({ lists: [list], counts: [ELEMENTS - 1] });
    assert.equal(found!.includes(70), false);
  });
});

suite("a score", () => {
  test("as bits is in the order of magnitudes, whatever the signs", () => {
    const ascending = [0, 2 ** -149, 2 ** -126, 1e-3, 1, 1 + 2 ** -23, 3e38];
    const bits = [...scoreBits(Float32Array.from(ascending))];
    assert.deepEqual(
      bits,
      bits.toSorted((a, b) => a - b),
    );
    assert.equal(new Set(bits).size, ascending.length);
    assert.deepEqual([...scoreBits(Float32Array.from(ascending, (value) => -value))], bits);
    assert.deepEqual(
      [...scoreBits(Float64Array.from([0.1]))],
      [...scoreBits(Float32Array.of(0.1))],
    );
  });

  test("comes back from its bits", () => {
    for (const value of [0, 2 ** -149, 0.375, 1, 65_504]) {
      assert.equal(scoreOf(scoreBits(Float32Array.of(-value))[0]!), value);
    }
  });

  test("at the cut is the k-th of the sorted", () => {
    const list = values(11, 2 ** 30);
    const order = list.map(Math.abs).toSorted((a, b) => b - a);
    for (const count of [1, 100, 4096, ELEMENTS]) {
      const asked = { lists: [list], counts: [count] };
      const { cut = [] } = run(cutPasses(selectionOf(asked)), asked);
      assert.equal(scoreOf(cut[0]!), order[count - 1], `${count}`);
    }
  });
});

test("where no equals are left behind the pass that counts them by blocks is needless", () => {
  const [, , equals] = largestPasses(selectionOf({ lists: [], counts: [] }));
  assert.equal(equals!.isNeedless?.({ surplus: [0, 0] }), true);
  assert.equal(equals!.isNeedless?.({ surplus: [0, 1] }), false);
});
