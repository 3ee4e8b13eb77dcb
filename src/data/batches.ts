/** Order of training rows: seeded, the same on every machine, and resumable at any step. */
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import type { Packing } from "../protocol/recipe.ts";
import { ChosenExamples } from "./example-store.ts";
import type { Example, Examples } from "./example.ts";

/** Micro-batches' worth of rows among which lengths decide who shares one; beyond, chance does. */
const WINDOW_BATCHES = 16;

export interface BatchOptions {
  packing: Packing;
  batchSize: number;
  /** No row is longer. */
  maxLength: number;
  seed: number;
}

function shuffled(count: number, seed: number): Int32Array {
  const random = xoroshiro128plus(seed);
  const order = Int32Array.from({ length: count }, (_, index) => index);
  for (let last = count - 1; last > 0; last--) {
    const other = uniformInt(random, 0, last);
    [order[last], order[other]] = [order[other] ?? 0, order[last] ?? 0];
  }
  return order;
}

/** Spreads neighbouring seeds and epochs over the generator's states. */
function mix(seed: number, salt: number): number {
  return Math.imul(seed ^ Math.imul(salt + 1, 0x9e3779b1), 0x85ebca6b) | 0;
}

/**
 * Micro-batches of one epoch as row numbers; the last may be smaller. A pure function of its
 * arguments, so that an interrupted run finds its place again.
 */
export function epochBatches(
  examples: Examples,
  { packing, batchSize, maxLength, seed, epoch }: BatchOptions & { epoch: number },
): readonly (readonly number[])[] {
  const order = [...shuffled(examples.length, mix(seed, epoch))];
  if (packing === false) return chunks(order, batchSize);
  const lengths = lengthsOf(examples);
  const lengthOf = (row: number): number => lengths[row] ?? 0;
  const batches =
    packing === "auto"
      ? groupByLength(order, lengthOf, batchSize)
      : packToBudget(order, lengthOf, batchSize * maxLength);
  // Short rows first in every window would be a curriculum nobody asked for.
  const batchOrder = shuffled(batches.length, mix(seed, epoch + 0x10000));
  return [...batchOrder].map((index) => batches[index] ?? []);
}

/** Tokens of each row. */
function lengthsOf(examples: Examples): Int32Array {
  return Int32Array.from(examples, ({ ids }) => ids.length);
}

/** How many micro-batches an epoch has; only packed epochs differ from one another. */
export function countBatches(
  examples: Examples,
  options: BatchOptions & { epoch: number },
): number {
  if (options.packing === true) return epochBatches(examples, options).length;
  return Math.ceil(examples.length / options.batchSize);
}

type LengthOf = (row: number) => number;

/** Attention works on rows side by side, as long as the longest of them: like lengths waste none. */
function groupByLength(order: readonly number[], lengthOf: LengthOf, batchSize: number) {
  return chunks(order, batchSize * WINDOW_BATCHES).flatMap((window) => {
    const sorted = window.toSorted((a, b) => lengthOf(a) - lengthOf(b) || a - b);
    return chunks(sorted, batchSize);
  });
}

/** Windows of rows, each packed on its own; what fills a micro-batch worst goes on to the next. */
function packToBudget(order: readonly number[], lengthOf: LengthOf, budget: number) {
  const batches: (readonly number[])[] = [];
  let window: number[] = [];
  let tokens = 0;
  for (const row of order) {
    window.push(row);
    tokens += lengthOf(row);
    if (tokens < budget * WINDOW_BATCHES) continue;
    const bins = fitDecreasing(window, lengthOf, budget).toSorted((a, b) => b.tokens - a.tokens);
    const emptiest = bins.pop();
    for (const { rows } of bins) batches.push(rows);
    window = emptiest?.rows ?? [];
    tokens = emptiest?.tokens ?? 0;
  }
  const rest = fitDecreasing(window, lengthOf, budget);
  return [...batches, ...rest.map(({ rows }) => rows)];
}

interface Bin {
  rows: number[];
  tokens: number;
}

/** Best-fit decreasing: the longest row first, each to the fullest bin that still takes it. */
function fitDecreasing(rows: readonly number[], lengthOf: LengthOf, budget: number): Bin[] {
  const bins: Bin[] = [];
  for (const row of rows.toSorted((a, b) => lengthOf(b) - lengthOf(a))) {
    const length = lengthOf(row);
    let best: Bin | undefined;
    for (const bin of bins) {
      if (bin.tokens + length <= budget && bin.tokens > (best?.tokens ?? -1)) best = bin;
    }
    if (best === undefined) bins.push((best = { rows: [], tokens: 0 }));
    best.rows.push(row);
    best.tokens += length;
  }
  return bins;
}

function chunks<Item>(items: readonly Item[], size: number): readonly (readonly Item[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}

/** Rows of like length together, in a fixed order, for evaluation; one batch exists at a time. */
export function* evaluationBatches(
  examples: Examples,
  batchSize: number,
): Generator<readonly Example[]> {
  const lengths = lengthsOf(examples);
  const lines = Int32Array.from(examples, ({ line }) => line);
  const order = Int32Array.from(lengths, (_, row) => row);
  const difference = (of: Int32Array, a: number, b: number): number => (of[a] ?? 0) - (of[b] ?? 0);
  order.sort((a, b) => difference(lengths, a, b) || difference(lines, a, b));
  for (let start = 0; start < order.length; start += batchSize) {
    yield [...order.subarray(start, start + batchSize)].flatMap((row) => examples.at(row) ?? []);
  }
}

/**
 * Holds out a share of the rows, at least one on each side; the seed chooses which.
 * @param examples at least two
 */
export function splitExamples(
  examples: Examples,
  { share, seed }: { share: number; seed: number },
): { train: Examples; evaluation: Examples } {
  const count = Math.min(Math.max(Math.round(examples.length * share), 1), examples.length - 1);
  const chosen = new Set(shuffled(examples.length, mix(seed, -2)).subarray(0, count));
  const rows = Int32Array.from({ length: examples.length }, (_, row) => row);
  return {
    train: new ChosenExamples(
      examples,
      rows.filter((row) => !chosen.has(row)),
    ),
    evaluation: new ChosenExamples(
      examples,
      rows.filter((row) => chosen.has(row)),
    ),
  };
}
