/** Order of training rows: seeded, the same on every machine, and resumable at any step. */
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import type { Example } from "./example.ts";

/** Micro-batches among which rows of like length are grouped: padding falls, chance stays. */
const GROUPED_BATCHES = 16;

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
  examples: readonly Example[],
  { batchSize, seed, epoch }: { batchSize: number; seed: number; epoch: number },
): readonly (readonly number[])[] {
  const order = shuffled(examples.length, mix(seed, epoch));
  const batches: number[][] = [];
  const window = batchSize * GROUPED_BATCHES;
  for (let start = 0; start < order.length; start += window) {
    const group = [...order.subarray(start, start + window)];
    const length = (row: number): number => examples[row]?.ids.length ?? 0;
    group.sort((a, b) => length(a) - length(b) || a - b);
    for (let at = 0; at < group.length; at += batchSize) {
      batches.push(group.slice(at, at + batchSize));
    }
  }
  // Short rows first in every window would be a curriculum nobody asked for.
  const batchOrder = shuffled(batches.length, mix(seed, epoch + 0x10000));
  return [...batchOrder].map((index) => batches[index] ?? []);
}

/** Rows of like length together, in a fixed order, for evaluation. */
export function evaluationBatches(
  examples: readonly Example[],
  batchSize: number,
): readonly (readonly Example[])[] {
  const sorted = examples.toSorted((a, b) => a.ids.length - b.ids.length || a.line - b.line);
  return Array.from({ length: Math.ceil(sorted.length / batchSize) }, (_, index) =>
    sorted.slice(index * batchSize, (index + 1) * batchSize),
  );
}

/**
 * Holds out a share of the rows, at least one on each side; the seed chooses which.
 * @param examples at least two
 */
export function splitExamples(
  examples: readonly Example[],
  { share, seed }: { share: number; seed: number },
): { train: readonly Example[]; evaluation: readonly Example[] } {
  const count = Math.min(Math.max(Math.round(examples.length * share), 1), examples.length - 1);
  const chosen = new Set(shuffled(examples.length, mix(seed, -2)).subarray(0, count));
  return {
    train: examples.filter((_, row) => !chosen.has(row)),
    evaluation: examples.filter((_, row) => chosen.has(row)),
  };
}
