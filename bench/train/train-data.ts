/** Token rows that both sides read. */
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
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

/** The work of one pass. A row's last token predicts nothing, so the model need not run over it. */
export function passWork({ rows, steps }: TrainData, rank: number): StepWork {
  const used = steps.flat().map((row) => rows[row] ?? { ids: [], counted: [] });
  return {
    rowLengths: used.map(({ ids }) => ids.length - 1),
    counted: used.reduce((sum, { counted }) => sum + counted.reduce((a, b) => a + b, 0), 0),
    rank,
  };
}
