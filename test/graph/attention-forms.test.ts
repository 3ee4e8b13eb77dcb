/** Both forms against attention written down row by row in double precision: no blocks, no cache, no padding. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { xorshift128plus } from "pure-rand/generator/xorshift128plus";
import {
  type Heads,
  type RowInputs,
  cachedAttention,
  rowAttention,
} from "../../src/graph/attention-forms.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { Value } from "../../src/graph/graph.ts";
import { OrtSession } from "../../src/onnx-engine/ort-session.ts";
import type { Feed } from "../../src/onnx-engine/runtime.ts";
import { assertClose } from "../support/assert-close.ts";
import { type Tensor64, interpret, tensor } from "../support/interpreter.ts";

const HIDDEN_SCORE = -1e9;
const SCALE = 0.6;
const HEADS: Heads = { heads: 4, keyValueHeads: 2, headSize: 3 };
/** Float32 products of a handful of terms. */
const TOLERANCE = { rtol: 2e-6 };

interface Tokens {
  q: Float32Array;
  k: Float32Array;
  v: Float32Array;
}

function drawn(seed: number, tokens: number, { heads, keyValueHeads, headSize }: Heads): Tokens {
  const random = xorshift128plus(seed);
  const draw = (length: number): Float32Array =>
    Float32Array.from({ length }, () => random.next() / 2 ** 30);
  const [wide, narrow] = [tokens * heads * headSize, tokens * keyValueHeads * headSize];
  return { q: draw(wide), k: draw(narrow), v: draw(narrow) };
}

/** Each query head of each token over the tokens of its row up to its own. */
function causal(rows: readonly number[], { q, k, v }: Tokens, heads: Heads): Float64Array {
  const { heads: H, keyValueHeads: K, headSize: D } = heads;
  const result = new Float64Array(q.length);
  let first = 0;
  for (const length of rows) {
    for (let token = first; token < first + length; token++) {
      for (let head = 0; head < H; head++) {
        const own = (token * H + head) * D;
        const group = Math.floor((head * K) / H);
        const at = (other: number): number => (other * K + group) * D;
        const seen = Array.from({ length: token - first + 1 }, (_, i) => first + i);
        const powers = seen.map((other) => {
          let score = 0;
          for (let d = 0; d < D; d++) score += q[own + d]! * k[at(other) + d]!;
          return Math.exp(SCALE * score);
        });
        const sum = powers.reduce((a, b) => a + b, 0);
        for (let d = 0; d < D; d++) {
          seen.forEach((other, i) => (result[own + d]! += (powers[i]! / sum) * v[at(other) + d]!));
        }
      }
    }
    first += length;
  }
  return result;
}

/**
 * There and back as RowInputs says it: cells in some order, each with the token and head that stands
 * there, or padding; `back` is in the order (token, head).
 */
function moves(cells: readonly (number | undefined)[], count: number) {
  const back = new BigInt64Array(count);
  cells.forEach((from, cell) => {
    if (from !== undefined) back[from] = BigInt(cell);
  });
  // Padding repeats some row: here the last, where a slip would show as much as anywhere.
  const there = BigInt64Array.from(cells, (from) => BigInt(from ?? count - 1));
  return { there, back, real: Float32Array.from(cells, (from) => Number(from !== undefined)) };
}

function rowFeeds(rows: readonly number[], heads: Heads, blocks: number) {
  const { heads: H, keyValueHeads: K } = heads;
  const [B, N] = [rows.length, rows.reduce((a, b) => a + b, 0)];
  const L = Math.ceil(Math.max(...rows) / blocks);
  const T = blocks * L;
  const starts = rows.map((_, row) => rows.slice(0, row).reduce((a, b) => a + b, 0));
  const range = (length: number): number[] => Array.from({ length }, (_, i) => i);
  const flat = (row: number, place: number, head: number, count: number): number | undefined =>
    place < rows[row]! ? (starts[row]! + place) * count + head : undefined;
  const queries = range(blocks).flatMap((block) =>
    range(B).flatMap((row) =>
      range(H).flatMap((head) => range(L).map((place) => flat(row, block * L + place, head, H))),
    ),
  );
  const keys = range(B).flatMap((row) =>
    range(K).flatMap((head) => range(T).map((place) => flat(row, place, head, K))),
  );
  const [q, k] = [moves(queries, N * H), moves(keys, N * K)];
  const feeds: Record<string, Feed> = {
    spreadQueries: q.there,
    collectQueries: q.back,
    real: q.real,
    spreadKeys: k.there,
    collectKeys: k.back,
    mask: Float32Array.from({ length: L * T }, (_, i) =>
      i % T <= T - L + Math.floor(i / T) ? 0 : HIDDEN_SCORE,
    ),
  };
  return { feeds, sizes: { N, B, L } };
}

function rowGraph(heads: Heads, blocks: number) {
  const { heads: H, keyValueHeads: K, headSize: D } = heads;
  const b = new GraphBuilder();
  const int = (name: string, dim: string): Value => b.input(name, "int64", [dim]);
  const inputs: RowInputs = {
    spreadQueries: int("spreadQueries", `${blocks * H}*B*L`),
    collectQueries: int("collectQueries", `${H}*N`),
    spreadKeys: int("spreadKeys", `${blocks * K}*B*L`),
    collectKeys: int("collectKeys", `${K}*N`),
    real: b.input("real", "float32", [`${blocks * H}*B*L`, 1]),
    mask: b.input("mask", "float32", [1, 1, "L", blocks === 1 ? "L" : `${blocks}*L`]),
  };
  const attend = rowAttention(b, inputs, { ...heads, blocks });
  const q = b.input("q", "float32", ["N", H * D]);
  const [k, v] = [b.input("k", "float32", ["N", K * D]), b.input("v", "float32", ["N", K * D])];
  const result = attend({ layer: 0, q, k, v, scale: SCALE });
  assert.deepEqual(result.shape, q.shape);
  return b.build([result]);
}

for (const blocks of [1, 2, 3]) {
  test(`rows of unlike lengths in ${blocks} blocks of queries see themselves alone, and nothing later`, async () => {
    const graph = rowGraph(HEADS, blocks);
    const session = await OrtSession.create(graph, {
      weightsDir: ".",
      locate: () => assert.fail("no weights"),
      threads: 1,
      prepack: true,
    });
    for (const rows of [[5, 1, 7], [6], [1], [2, 9, 9, 4]]) {
      const seed = 10 * blocks + rows.length;
      const label = `rows ${rows.join(", ")}, seed ${seed}`;
      const { feeds, sizes } = rowFeeds(rows, HEADS, blocks);
      const tokens = drawn(seed, sizes.N, HEADS);
      const outputs = await session.run({ ...feeds, ...tokens }, sizes);
      const [output] = Object.values(outputs);
      assertClose(output!.data as Float32Array, causal(rows, tokens, HEADS), TOLERANCE, label);
    }
    await session.dispose();
  });
}

test("a block's scores reach only to its own end: of three blocks, 1, 2 and 3 parts of the keys", () => {
  const { nodes } = rowGraph(HEADS, 3);
  const widths = nodes
    .filter(({ op }) => op === "Attention")
    .map(({ outputs }) => outputs[1]!.shape);
  assert.deepEqual(widths, [
    ["2*B", "2*L", "L"],
    ["2*B", "2*L", "2*L"],
    ["2*B", "2*L", "3*L"],
  ]);
});

/** [T, n·D] token by token → [n, T, D] head by head, of one row. */
function byHead(flat: ArrayLike<number>, count: number, size: number): Float64Array {
  const tokens = flat.length / (count * size);
  return Float64Array.from({ length: flat.length }, (_, i) => {
    const [head, token, d] = [
      Math.floor(i / (tokens * size)),
      Math.floor(i / size) % tokens,
      i % size,
    ];
    return flat[(token * count + head) * size + d]!;
  });
}

function cachedGraph(heads: Heads) {
  const { heads: H, keyValueHeads: K, headSize: D } = heads;
  const b = new GraphBuilder();
  const mask = b.input("mask", "float32", [1, 1, "T", "S"]);
  const cache = (name: string): Value => b.input(name, "float32", ["B", K, "P", D]);
  const past = [{ key: cache("past.key"), value: cache("past.value") }];
  const { attend, present } = cachedAttention(b, { mask, past }, heads);
  const q = b.input("q", "float32", ["B*T", H * D]);
  const [k, v] = [b.input("k", "float32", ["B*T", K * D]), b.input("v", "float32", ["B*T", K * D])];
  const result = attend({ layer: 0, q, k, v, scale: SCALE });
  const [{ key, value }] = present as [{ key: Value; value: Value }];
  assert.throws(
    () => attend({ layer: 1, q, k, v, scale: SCALE }),
    /internal: no cache for layer 1/u,
  );
  return b.build([result, key, value]);
}

for (const [past, fresh] of [
  [0, 5],
  [4, 1],
  [3, 2],
] as const) {
  test(`${fresh} new tokens after ${past} in the cache read what a pass over all ${past + fresh} reads`, () => {
    const { heads: H, keyValueHeads: K, headSize: D } = HEADS;
    const total = past + fresh;
    const tokens = drawn(100 + past, total, HEADS);
    const expected = causal([total], tokens, HEADS);
    const rest = (x: Float32Array, count: number): Tensor64 =>
      tensor([fresh, count * D], x.subarray(past * count * D));
    const before = (x: Float32Array): Tensor64 =>
      tensor([1, K, past, D], byHead(x.subarray(0, past * K * D), K, D));
    const mask = Float64Array.from({ length: fresh * total }, (_, i) =>
      i % total <= past + Math.floor(i / total) ? 0 : HIDDEN_SCORE,
    );
    const feeds = {
      mask: tensor([1, 1, fresh, total], mask),
      q: rest(tokens.q, H),
      k: rest(tokens.k, K),
      v: rest(tokens.v, K),
      "past.key": before(tokens.k),
      "past.value": before(tokens.v),
    };
    const sizes = { B: 1, T: fresh, S: total, P: past };
    const [output, key, value] = interpret(cachedGraph(HEADS), feeds, sizes);
    assertClose(output!.data, expected.subarray(past * H * D), { rtol: 1e-12 }, "output");
    assert.deepEqual(key!.data, byHead(tokens.k, K, D), "the cache holds all keys");
    assert.deepEqual(value!.data, byHead(tokens.v, K, D), "the cache holds all values");
  });
}
