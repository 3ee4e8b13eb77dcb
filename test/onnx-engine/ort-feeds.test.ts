import assert from "node:assert/strict";
import { test } from "node:test";
import type { Example } from "../../src/data/example.ts";
import { planRuns, runFeeds, trimRows } from "../../src/onnx-engine/ort-feeds.ts";
import { FEEDS } from "../../src/onnx-engine/ort-graphs.ts";

function row(length: number, counts: (t: number) => boolean = (t) => t > 0): Example {
  return {
    ids: Int32Array.from({ length }, (_, t) => 10 + t),
    weights: Float32Array.from({ length }, (_, t) => (counts(t) ? 1 : 0)),
    line: length,
  };
}

const lengths = (rows: readonly Example[], maxTokens: number): number[][] =>
  planRuns(trimRows(rows), maxTokens).map((run) => run.map(({ length }) => length));

test("a row ends at its last counted token, and a row without one is left out", () => {
  const rows = [row(6, (t) => t === 2), row(9), row(4, () => false)];
  assert.deepEqual(
    trimRows(rows).map(({ length, example }) => [length, example.line]),
    [
      [8, 9],
      [2, 6],
    ],
  );
});

test("every row runs once, in runs of about as many tokens as were asked for", () => {
  const rows = Array.from({ length: 50 }, (_, i) => row(5 + ((i * 7) % 40)));
  const runs = lengths(rows, 100);
  assert.deepEqual(
    runs.flat().toSorted((a, b) => a - b),
    trimRows(rows)
      .map(({ length }) => length)
      .toSorted((a, b) => a - b),
  );
  for (const run of runs) {
    const tokens = run.reduce((sum, length) => sum + length, 0);
    assert.ok(tokens <= 100 + Math.max(...run) / 2, run.join());
  }
});

test("a row longer than a run is a run of its own", () => {
  assert.deepEqual(lengths([row(301), row(11), row(11)], 100), [[300], [10, 10]]);
});

test("short rows do not join a long one that attention would pad them to", () => {
  const rows = [row(101), ...Array.from({ length: 40 }, () => row(6))];
  for (const run of lengths(rows, 150)) assert.ok(run.length * run[0]! <= 2 * 150, run.join());
});

test("each head of each token stands in its row and block, and is found again", () => {
  const form = { blocks: 2, rowChunks: 4, heads: 3, keyValueHeads: 1, adapter: undefined };
  const { feeds, sizes, counted } = runFeeds(trimRows([row(6), row(4)]), 0.5, form);
  assert.deepEqual(sizes, { N: 8, B: 2, L: 3, R: 2 });
  assert.equal(counted, 8);
  const there = Array.from(feeds[FEEDS.spreadQueries] as BigInt64Array, Number);
  const back = Array.from(feeds[FEEDS.collectQueries] as BigInt64Array, Number);
  back.forEach((place, head) => assert.equal(there[place], head));
  const real = feeds[FEEDS.real] as Float32Array;
  assert.equal(
    real.reduce((a, b) => a + b, 0),
    8 * 3,
  );
  for (const place of back) assert.equal(real[place], 1);
  // Token 3 of the first row opens the second block: (block 1, row 0, head 2, place 0).
  assert.equal(back[3 * 3 + 2], ((1 * 2 + 0) * 3 + 2) * 3);
  assert.deepEqual(
    Array.from(feeds[FEEDS.positions] as BigInt64Array, Number),
    [0, 1, 2, 3, 4, 0, 1, 2],
  );
});
