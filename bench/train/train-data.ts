/** Token rows that both sides read. */
import { uniformFloat64 } from "pure-rand/distribution/uniformFloat64";
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import type { Example } from "../../src/data/example.ts";
import type { TrainData } from "./protocol.ts";
import type { StepWork } from "./flops.ts";

/** One batch of random tokens, all counted: `length` positions a row, and one more label. */
export function randomTokens(options: {
  rows: number;
  length: number;
  vocabulary: number;
  seed?: number;
}): TrainData {
  const { rows, length, vocabulary, seed = 1 } = options;
  const random = xoroshiro128plus(seed);
  return {
    rows: Array.from({ length: rows }, () => {
      const ids = Array.from({ length: length + 1 }, () => uniformInt(random, 0, vocabulary - 1));
      return { ids, counted: ids.map((_, at) => (at === 0 ? 0 : 1)) };
    }),
    steps: [Array.from({ length: rows }, (_, row) => row)],
    lastTokenIsLabelOnly: true,
  };
}

const SHORTEST = 40;
const LONGEST = 400;

/**
 * Instructions and answers: as many rows in every octave of length, the first half of each not
 * counted.
 */
export function instructionRows(options: {
  count: number;
  vocabulary: number;
  seed: number;
}): TrainData["rows"] {
  const { count, vocabulary, seed } = options;
  const random = xoroshiro128plus(seed);
  return Array.from({ length: count }, () => {
    const length = Math.round(SHORTEST * (LONGEST / SHORTEST) ** uniformFloat64(random));
    const ids = Array.from({ length }, () => uniformInt(random, 0, vocabulary - 1));
    return { ids, counted: ids.map((_, at) => (at < length / 2 ? 0 : 1)) };
  });
}

/** Batches in random order, as a Trainer's sampler draws them. */
export function shuffledBatches(
  rows: number,
  { batchSize, seed }: { batchSize: number; seed: number },
): number[][] {
  const random = xoroshiro128plus(seed);
  const order = Array.from({ length: rows }, (_, row) => ({ row, key: uniformFloat64(random) }))
    .toSorted((a, b) => a.key - b.key)
    .map(({ row }) => row);
  return Array.from({ length: Math.ceil(rows / batchSize) }, (_, batch) =>
    order.slice(batch * batchSize, (batch + 1) * batchSize),
  );
}

export function toExamples(rows: TrainData["rows"]): Example[] {
  return rows.map(({ ids, counted }, index) => ({
    ids: Int32Array.from(ids),
    weights: Float32Array.from(counted),
    line: index + 1,
  }));
}

/** The work of one pass. A row's last token predicts nothing, so the model need not run over it. */
export function passWork({ rows, steps }: TrainData, rank: number): StepWork {
  const used = steps.flat().map((row) => rows[row] ?? { ids: [], counted: [] });
  return {
    rowLengths: used.map(({ ids }) => ids.length - 1),
    counted: used.reduce((sum, { counted }) => sum + counted.reduce((a, b) => a + b, 0), 0),
    rank,
  };
}
