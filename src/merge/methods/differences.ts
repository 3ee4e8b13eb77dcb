/** What the methods on task vectors δᵢ = Wᵢ − base share (arXiv 2212.04089). */
import type { MergeTensor, Stretch, TensorParameters } from "./method.ts";

/** Weights whose sum is smaller are not divided by. */
const MIN_WEIGHT_SUM = 1e-8;

export function differences({ base, models }: Stretch): Float64Array[] {
  const from = base!;
  return models.map((values) => {
    const delta = new Float64Array(values.length);
    for (let i = 0; i < delta.length; i++) delta[i] = values[i]! - from[i]!;
    return delta;
  });
}

/** Nothing is added to the base. */
export function isBaseAlone({ weight, lambda }: TensorParameters): boolean {
  return lambda === 0 || weight.every((each) => each === 0);
}

/**
 * base + λ · Σ wᵢ·sᵢ·δᵢ, divided by Σ wᵢ with `normalize`.
 * @param scales sᵢ, one for each model
 */
export function addDifferences(
  { base }: Stretch,
  deltas: readonly Float64Array[],
  { parameters: { weight, normalize, lambda } }: MergeTensor,
  scales: readonly number[],
): Float64Array {
  const weights = weight.reduce((total, each) => total + each, 0);
  // Weights that cancel: the sum as it is, as in mergekit.
  const sum = normalize && Math.abs(weights) >= MIN_WEIGHT_SUM ? weights : 1;
  const result = new Float64Array(base!);
  for (const [index, delta] of deltas.entries()) {
    const factor = (lambda * weight[index]! * scales[index]!) / sum;
    for (let i = 0; i < result.length; i++) result[i] = result[i]! + factor * delta[i]!;
  }
  return result;
}

/**
 * TIES' sign election: of each element only those wᵢ·sᵢ·δᵢ count that have the sign of their sum (of a sum of
 * zero: the positive ones). base + λ · their sum, divided by the sum of their wᵢ with `normalize`.
 * The sign is that of a sum in float32, as in mergekit: where it is next to zero, rounding decides.
 */
export function addElected(
  { base }: Stretch,
  deltas: readonly Float64Array[],
  { parameters: { weight, normalize, lambda } }: MergeTensor,
  scales: readonly number[],
): Float64Array {
  const result = new Float64Array(base!);
  const count = deltas.length;
  const factors = weight.map((each, index) => each * scales[index]!);
  for (let i = 0; i < result.length; i++) {
    let elected = 0;
    for (let m = 0; m < count; m++) {
      elected = Math.fround(elected + Math.fround(factors[m]! * deltas[m]![i]!));
    }
    let [total, divisor] = [0, 0];
    for (let m = 0; m < count; m++) {
      const change = factors[m]! * deltas[m]![i]!;
      const isElected = elected >= 0 ? change > 0 : change < 0;
      if (!isElected) continue;
      total += change;
      divisor += weight[m]!;
    }
    // Weights of both signs can agree on an element and cancel.
    if (normalize && divisor !== 0) total /= divisor;
    result[i] = result[i]! + lambda * total;
  }
  return result;
}
