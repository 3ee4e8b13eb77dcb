import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import {
  ChosenExamples,
  ExampleStore,
  ExampleStoreBuilder,
  type FlaggedRow,
} from "../../src/data/example-store.ts";

function row(ids: readonly number[], counted: readonly number[], line: number): FlaggedRow {
  return { ids: Int32Array.from(ids), counted: Uint8Array.from(counted), line };
}

function storeOf(rows: readonly FlaggedRow[]): ExampleStore {
  const builder = new ExampleStoreBuilder();
  for (const each of rows) builder.add(each);
  return builder.finish();
}

function repeated(value: number): number[] {
  return Array.from({ length: 100_000 }, () => value);
}

/** A row as the store is to give it back. */
function expected({ ids, counted, line }: FlaggedRow) {
  return { ids, weights: Float32Array.from(counted), line };
}

suite("a store of rows", () => {
  test("gives each row back with its flags as weights, by number and in order", () => {
    const flagged = fc
      .array(fc.tuple(fc.integer({ min: 0, max: 2 ** 31 - 1 }), fc.constantFrom(0, 1)))
      .map((tokens) => ({
        ids: tokens.map(([id]) => id),
        counted: tokens.map(([, flag]) => flag),
      }));
    fc.assert(
      fc.property(fc.array(flagged), (made) => {
        const rows = made.map(({ ids, counted }, i) => row(ids, counted, 3 * i + 1));
        const store = storeOf(rows);
        assert.equal(store.length, rows.length);
        assert.deepEqual([...store], rows.map(expected));
        for (const [i, each] of rows.entries()) assert.deepEqual(store.at(i), expected(each));
      }),
      { seed: 7, numRuns: 100 },
    );
  });

  test("finds rows on both sides of where a segment is closed", () => {
    // A segment has at most 2¹⁸ tokens: rows of 100,000 go two by two, and one of 300,000 alone.
    const rows = Array.from({ length: 8 }, (_, i) => row(repeated(i), repeated(i % 2), i + 1));
    const store = storeOf(rows);
    assert.deepEqual(
      store.segments.map(({ ends }) => [...ends]),
      [
        [100_000, 200_000],
        [100_000, 200_000],
        [100_000, 200_000],
        [100_000, 200_000],
      ],
    );
    const [first, last] = [0, 99_999];
    for (let i = 0; i < 8; i++) {
      const found = store.at(i);
      assert.equal(found?.line, i + 1);
      assert.equal(found.ids.length, 100_000);
      assert.deepEqual([found.ids[first], found.ids[last]], [i, i]);
      assert.deepEqual([found.weights[first], found.weights[last]], [i % 2, i % 2]);
    }
  });

  test("has no row before the first or behind the last", () => {
    const store = storeOf([row([1], [1], 1)]);
    for (const outside of [-1, 1, 1e9]) assert.equal(store.at(outside), undefined);
    assert.equal(storeOf([]).at(0), undefined);
    assert.deepEqual([...storeOf([])], []);
  });

  test("passes over segments without rows", () => {
    const none = new Int32Array(0);
    const empty = { ids: none, counted: new Uint8Array(0), ends: none, lines: none };
    const [full] = storeOf([row([4, 5], [0, 1], 9), row([6], [1], 11)]).segments;
    assert(full);
    const store = new ExampleStore([empty, full, empty, full, empty]);
    assert.deepEqual(
      [...store].map(({ ids, line }) => [[...ids], line]),
      [
        [[4, 5], 9],
        [[6], 11],
        [[4, 5], 9],
        [[6], 11],
      ],
    );
  });

  test("copies no ids, and no row can change another's weights", () => {
    const store = storeOf([row([1, 2], [1, 1], 1), row([3], [1], 2)]);
    assert.equal(store.at(0)?.ids.buffer, store.at(1)?.ids.buffer);
    store.at(0)?.weights.fill(0);
    assert.deepEqual(store.at(0)?.weights, Float32Array.of(1, 1));
  });
});

suite("some rows of others", () => {
  const all = storeOf([row([1], [1], 1), row([2], [1], 2), row([3], [1], 3)]);

  test("are those of the numbers given, in their order, also twice", () => {
    const chosen = new ChosenExamples(all, Int32Array.of(2, 0, 2));
    assert.equal(chosen.length, 3);
    assert.deepEqual(
      [...chosen].map(({ line }) => line),
      [3, 1, 3],
    );
    assert.deepEqual(chosen.at(1), all.at(0));
  });

  test("end where the numbers end, whatever the others hold", () => {
    const chosen = new ChosenExamples(all, Int32Array.of(1));
    assert.equal(chosen.at(1), undefined);
    assert.equal(chosen.at(-1), undefined);
  });
});
