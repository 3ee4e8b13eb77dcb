import { differences } from "./differences.ts";
import { type Selection, largestOf, largestPasses, scoreBits } from "./largest.ts";
import type { Figures, Method, Pass, Stretch } from "./method.ts";

/** Where the sum of the squares' means is less, all weigh the same. The weights' sum is no less. */
const TINY = 1e-6;

/** Figure `kept`: k = ⌊select_topk · elements whose variance is not 0⌋. */
const countPass: Pass = {
  size: () => 1,
  add: (sums, stretch) => {
    let count = 0;
    for (const bits of scoreBits(variances(differences(stretch)))) if (bits !== 0) count++;
    sums[0] = sums[0]! + count;
  },
  finish: ([count = 0], { parameters }, figures) => ({
    ...figures,
    kept: [Math.floor(parameters.select_topk * count)],
  }),
};

const SELECT: Selection = {
  counts: (_, { kept = [] }) => [...kept],
  scores: (stretch, _, { kept = [] }) => [
    kept[0]! > 0 ? scoreBits(variances(differences(stretch))) : undefined,
  ],
};

/** Figure `weights`: Σδᵢ² of what is selected, divided by the sum of all. */
const weightPass: Pass = {
  size: ({ parameters }) => parameters.weight.length,
  add: (sums, stretch, { parameters }, figures) => {
    for (const [model, delta] of selected(stretch, parameters.select_topk, figures).entries()) {
      let sum = 0;
      for (let i = 0; i < delta.length; i++) sum += delta[i]! ** 2;
      sums[model] = sums[model]! + sum;
    }
  },
  finish: (sums, { elements }, figures) => {
    const means = [...sums].map((sum) => sum / elements);
    const total = means.reduce((all, mean) => all + mean, 0);
    return {
      ...figures,
      weights: means.map((mean) => (total < TINY ? 1 / means.length : mean / total)),
    };
  },
};

/**
 * Select, calculate, erase. arXiv 2408.07990. Of the task vectors δᵢ = Wᵢ − base those elements stay in which the models
 * vary most (the share `select_topk` of those that vary at all); wᵢ = mean of δᵢ² over the sum of these means; then
 * W = base + Σ wᵢ·δᵢ / Σ wᵢ, both over the models whose δᵢ has the sign of Σ δᵢ there.
 *
 * As in mergekit each tensor is taken by itself, a base beside the models is needed, and with means too small
 * to divide by (a sum below 1e-6, as of two near fine-tunes) all weigh the same. Of equal variances at the cut
 * the first in the tensor stay; mergekit's choice is PyTorch's.
 */
export const sce: Method = {
  copies: ({ select_topk }) => (select_topk <= 0 ? "base" : undefined),
  passes: ({ parameters: { select_topk } }) =>
    select_topk < 1 ? [countPass, ...largestPasses(SELECT), weightPass] : [weightPass],
  combine: (stretch, { parameters }, figures) => {
    const deltas = selected(stretch, parameters.select_topk, figures);
    const { weights = [] } = figures;
    const result = new Float64Array(stretch.base!);
    for (let i = 0; i < result.length; i++) {
      let sum = 0;
      for (const delta of deltas) sum = Math.fround(sum + Math.fround(delta[i]!));
      let [total, divisor] = [0, 0];
      for (const [model, delta] of deltas.entries()) {
        const change = delta[i]!;
        if (sum >= 0 ? change <= 0 : change >= 0) continue;
        total += weights[model]! * change;
        divisor += weights[model]!;
      }
      result[i] = result[i]! + total / Math.max(divisor, TINY);
    }
    return result;
  },
};

/** The task vectors with what is not selected set to zero. */
function selected(stretch: Stretch, share: number, figures: Figures): Float64Array[] {
  const deltas = differences(stretch);
  if (share >= 1) return deltas;
  if (figures["kept"]![0] === 0) return deltas.map((delta) => delta.fill(0));
  const bits = scoreBits(variances(deltas));
  const mask = largestOf(bits, 0, { start: stretch.start, figures });
  for (const delta of deltas) {
    for (let i = 0; i < delta.length; i++) if (mask[i] === 0) delta[i] = 0;
  }
  return deltas;
}

/** Over the models, divided by their number. */
function variances(deltas: readonly Float64Array[]): Float64Array {
  const count = deltas.length;
  const result = new Float64Array(deltas[0]!.length);
  for (let i = 0; i < result.length; i++) {
    const first = deltas[0]![i]!;
    // From the first one, so that equal ones vary by exactly 0.
    let mean = 0;
    for (const delta of deltas) mean += delta[i]! - first;
    mean = first + mean / count;
    let sum = 0;
    for (const delta of deltas) sum += (delta[i]! - mean) ** 2;
    result[i] = sum / count;
  }
  return result;
}
