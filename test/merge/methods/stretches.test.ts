/** Methods over tensors of many stretches, whose rows do not end where stretches do, against their formula over the whole. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { METHODS } from "../../../src/merge/methods/registry.ts";
import { assertClose } from "../../support/assert-close.ts";
import { PLAIN, runMethod } from "../../support/run-method.ts";

const [ROWS, COLUMNS] = [61, 307];
const SHAPE = [ROWS, COLUMNS];
const ELEMENTS = ROWS * COLUMNS;
const CLOSE = { rtol: 1e-9, atol: 1e-12 };

function values(seed: number): Float32Array {
  const random = xoroshiro128plus(seed);
  return Float32Array.from(
    { length: ELEMENTS },
    () => uniformInt(random, -(2 ** 20), 2 ** 20) / 2 ** 20,
  );
}

const base = values(1);
const models = [values(2), values(3), values(4)];
const parameters = { ...PLAIN, weight: [1, 1, 1], density: [1, 1, 1], keys: [] };
const delta = (model: number, i: number): number => models[model]![i]! - base[i]!;

const PLACES = [...base.keys()];
const ROW_OF = (i: number): number => Math.floor(i / COLUMNS);
const COLUMN_OF = (i: number): number => i % COLUMNS;

/** Places by what `group` says of them. */
function grouped(group: (i: number) => number): ReadonlyMap<number, readonly number[]> {
  const groups = new Map<number, number[]>();
  for (const i of PLACES) {
    const own = groups.get(group(i));
    if (own) own.push(i);
    else groups.set(group(i), [i]);
  }
  return groups;
}

function dot(a: (i: number) => number, b: (i: number) => number, at: readonly number[]): number {
  return at.reduce((sum, i) => sum + a(i) * b(i), 0);
}

for (const [name, flags, group] of [
  ["the tensor", { nuslerp_flatten: true }, () => 0],
  ["rows", { nuslerp_flatten: false }, ROW_OF],
  ["columns", { nuslerp_flatten: false, nuslerp_row_wise: true }, COLUMN_OF],
] as const) {
  test(`nuslerp takes ${name} for vectors`, () => {
    const own = { ...parameters, ...flags, weight: [0.3, 0.9] };
    const actual = runMethod(METHODS.nuslerp, { base, models: models.slice(0, 2) }, own, SHAPE);
    const groups = grouped(group);
    const expected = Float64Array.from(base);
    for (const at of groups.values()) {
      const [a, b] = [(i: number) => delta(0, i), (i: number) => delta(1, i)];
      const angle = Math.acos(dot(a, b, at) / Math.sqrt(dot(a, a, at) * dot(b, b, at)));
      const [p, q] = [Math.sin(0.25 * angle), Math.sin(0.75 * angle)].map(
        (x) => x / Math.sin(angle),
      );
      for (const i of at) expected[i] = base[i]! + p! * a(i) + q! * b(i);
    }
    assertClose(actual, expected, CLOSE);
  });
}

test("model-stock takes each row by itself where it is told so", () => {
  const own = { ...parameters, filter_wise: true };
  const actual = runMethod(METHODS["model-stock"], { base, models }, own, SHAPE);
  const expected = new Float64Array(ELEMENTS);
  for (const at of grouped(ROW_OF).values()) {
    const cosines = [
      [0, 1],
      [0, 2],
      [1, 2],
    ].map(([m = 0, n = 0]) => {
      const [a, b] = [(i: number) => delta(m, i), (i: number) => delta(n, i)];
      return dot(a, b, at) / Math.sqrt(dot(a, a, at) * dot(b, b, at));
    });
    const cosine = cosines.reduce((sum, one) => sum + one, 0) / 3;
    const t = (3 * cosine) / (1 + 2 * cosine);
    for (const i of at) {
      expected[i] = base[i]! + (t * (delta(0, i) + delta(1, i) + delta(2, i))) / 3;
    }
  }
  assertClose(actual, expected, CLOSE);
});

test("breadcrumbs keep exactly the share below the outliers", () => {
  const [density, gamma] = [0.37, 0.02];
  const own = { ...parameters, weight: [1], density: [density], gamma: [gamma] };
  const actual = runMethod(METHODS.breadcrumbs, { base, models: [models[0]!] }, own, SHAPE);
  const size = (i: number): number => Math.fround(Math.abs(delta(0, i)));
  const order = PLACES.toSorted((i, j) => size(j) - size(i) || i - j);
  const [first, count] = [Math.floor(gamma * ELEMENTS), Math.floor(density * ELEMENTS)];
  const kept = new Set(order.slice(first, first + count));
  const expected = PLACES.map((i) => (kept.has(i) ? models[0]![i]! : base[i]!));
  assertClose(actual, expected, CLOSE);
});

test("sce keeps the elements of largest variance", () => {
  const own = { ...parameters, select_topk: 0.01 };
  const actual = runMethod(METHODS.sce, { base, models }, own, SHAPE);
  const variance = (i: number): number => {
    const deltas = [0, 1, 2].map((m) => delta(m, i));
    const mean = deltas.reduce((sum, one) => sum + one, 0) / 3;
    return deltas.reduce((sum, one) => sum + (one - mean) ** 2, 0) / 3;
  };
  const order = PLACES.toSorted((i, j) => variance(j) - variance(i));
  const kept = new Set(order.slice(0, Math.floor(0.01 * ELEMENTS)));
  const squares = [0, 1, 2].map((m) => [...kept].reduce((sum, i) => sum + delta(m, i) ** 2, 0));
  const expected = PLACES.map((i) => {
    if (!kept.has(i)) return base[i]!;
    const sign = Math.sign([0, 1, 2].reduce((sum, m) => sum + delta(m, i), 0));
    const agreeing = [0, 1, 2].filter((m) => Math.sign(delta(m, i)) === sign);
    const total = agreeing.reduce((sum, m) => sum + squares[m]! * delta(m, i), 0);
    return base[i]! + total / agreeing.reduce((sum, m) => sum + squares[m]!, 0);
  });
  assertClose(actual, expected, CLOSE);
});

test("DELLA keeps the share that it should, large elements more often, whatever the stretch", () => {
  const own = {
    ...parameters,
    weight: [1],
    density: [0.4],
    epsilon: [0.3],
    keys: [[5, 6]] as const,
  };
  const actual = runMethod(METHODS["della-linear"], { base, models: [models[0]!] }, own, SHAPE);
  const kept = PLACES.filter((i) => actual[i] !== base[i]);
  const deviation = Math.sqrt(0.24 * ELEMENTS);
  assert.ok(Math.abs(kept.length - 0.4 * ELEMENTS) < 5 * deviation, String(kept.length));
  // 0.55 of the elements above the median are kept, 0.25 of those below.
  const median = PLACES.map((i) => Math.abs(delta(0, i))).toSorted((a, b) => a - b)[
    ELEMENTS / 2 - 0.5
  ]!;
  const large = kept.filter((i) => Math.abs(delta(0, i)) > median).length / (ELEMENTS / 2);
  assert.ok(Math.abs(large - 0.55) < 0.03, String(large));
});

test("Arcee Fusion takes the rows' divergences and quartiles from the whole tensor", () => {
  const actual = runMethod(
    METHODS["arcee-fusion"],
    { base, models: [models[0]!] },
    parameters,
    SHAPE,
  );
  const scores = new Float32Array(ELEMENTS);
  const softmax = (all: Float32Array, at: readonly number[]): number[] => {
    const powers = at.map((i) => Math.exp(all[i]!));
    const sum = powers.reduce((total, one) => total + one, 0);
    return powers.map((one) => one / sum + 1e-8);
  };
  for (const at of grouped(ROW_OF).values()) {
    const [p, q] = [softmax(models[0]!, at), softmax(base, at)];
    const divergence = p.reduce((sum, one, j) => sum + one * Math.log(one / q[j]!), 0);
    for (const i of at) scores[i] = Math.abs(delta(0, i)) * divergence;
  }
  const sorted = scores.toSorted();
  const [first, median, third] = [0.25, 0.5, 0.75].map(
    (q) => sorted[Math.floor(q * (ELEMENTS - 1))]!,
  );
  const threshold = median! + 1.5 * (third! - first!);
  const expected = PLACES.map((i) => (scores[i]! >= threshold ? models[0]![i]! : base[i]!));
  assertClose(actual, expected, CLOSE);
});
