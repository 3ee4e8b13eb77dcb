import { type Selection, cutPasses, scoreBits, scoreOf } from "./largest.ts";
import {
  type Figures,
  type MergeTensor,
  type Method,
  type Pass,
  type Stretch,
  columnsOf,
} from "./method.ts";

/** Added to the probabilities, as in mergekit. */
const EPSILON = 1e-8;
const QUARTILES = [0.25, 0.5, 0.75];

/** Figure `divergence` of each row: KL(softmax of the model's row ‖ softmax of the base's). */
const divergencePass: Pass = {
  size: (tensor) => tensor.elements / columnsOf(tensor),
  add: (sums, { start, base, models: [other] }, tensor) => {
    const columns = columnsOf(tensor);
    for (let at = 0; at < base!.length; at += columns) {
      const row = (values: Float32Array): Float64Array =>
        softmax(values.subarray(at, at + columns));
      sums[(start + at) / columns] = divergence(row(other!), row(base!));
    }
  },
  finish: (sums, _, figures) => ({ ...figures, divergence: sums }),
};

/** Counted from the largest, the element ⌊q · (n − 1)⌋ of all from the smallest. */
const QUANTILES: Selection = {
  counts: ({ elements }) =>
    QUARTILES.map((quantile) => elements - Math.floor(quantile * (elements - 1))),
  scores: (stretch, tensor, figures) => {
    const bits = scoreBits(importance(stretch, tensor, figures));
    return QUARTILES.map(() => bits);
  },
};

/**
 * W = B where |B − A| · KL(softmax(B) ‖ softmax(A)) is at least its median + 1.5 · its interquartile range, else A; A is the base,
 * softmax and KL are of each row. https://www.arcee.ai, "Arcee Fusion"; mergekit is its only description.
 *
 * Computed in double precision with exact quantiles. mergekit's rows of near fine-tunes have a KL that float32
 * rounds to noise, and its quantiles of tensors above a million elements are those of a random million, so that
 * there other elements are chosen than here, and other ones at each of its runs.
 */
export const arceeFusion: Method = {
  needsRows: true,
  passes: () => [divergencePass, ...cutPasses(QUANTILES)],
  combine: (stretch, tensor, figures) => {
    const { base, models } = stretch;
    const [third = 0, median = 0, first = 0] = (figures["cut"] ?? []).map(scoreOf).toReversed();
    const threshold = Math.fround(median + Math.fround(1.5 * Math.fround(third - first)));
    const scores = new Float32Array(importance(stretch, tensor, figures));
    const result = new Float32Array(base!);
    for (let i = 0; i < result.length; i++) {
      if (scores[i]! >= threshold) result[i] = models[0]![i]!;
    }
    return result;
  },
};

function importance(
  { start, base, models: [other] }: Stretch,
  tensor: MergeTensor,
  figures: Figures,
): Float64Array {
  const columns = columnsOf(tensor);
  const rows = figures["divergence"]!;
  const scores = new Float64Array(base!.length);
  // Loops over typed arrays: their `from` takes ten times as long.
  for (let at = 0; at < scores.length; at += columns) {
    const factor = rows[(start + at) / columns]!;
    for (let i = at; i < at + columns; i++) scores[i] = Math.abs(other![i]! - base![i]!) * factor;
  }
  return scores;
}

function softmax(values: Float32Array): Float64Array {
  let largest = -Infinity;
  for (const value of values) largest = Math.max(largest, value);
  const result = new Float64Array(values.length);
  let sum = 0;
  for (let i = 0; i < result.length; i++) {
    result[i] = Math.exp(values[i]! - largest);
    sum += result[i]!;
  }
  for (let i = 0; i < result.length; i++) result[i] = result[i]! / sum;
  return result;
}

/** Rounding may leave it a little below zero. */
function divergence(p: Float64Array, q: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < p.length; i++) {
    const [a, b] = [p[i]! + EPSILON, q[i]! + EPSILON];
    sum += a * Math.log(a / b);
  }
  return Math.max(0, sum);
}
