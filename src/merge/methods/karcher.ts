import { gramMethod, lengthOf, product, gramRows } from "./gram.ts";
import type { Method } from "./method.ts";

/**
 * The Karcher mean of the models' directions, times the mean of their lengths: m is the point of the sphere with
 * Σ log_m(Wᵢ/|Wᵢ|) = 0, found by steps of m ← exp_m(Σ log_m(Wᵢ/|Wᵢ|) / n); each tensor is taken as one vector.
 * arXiv 2603.04972; Karcher 1977.
 *
 * As in mergekit: begun at the mean of the directions, `max_iter` steps at most, ended by one shorter than `tol`; a
 * tensor shorter than `tol` has no direction but counts for the length. All steps lie in the span of the models,
 * so that they are taken on coefficients, from the models' scalar products.
 */
export const karcher: Method = {
  ...gramMethod({
    grouping: () => "tensor",
    factors: (gram, tensor) => {
      const { max_iter: steps, tol } = tensor.parameters;
      return meanOf(gramRows(gram, tensor), { steps, tol });
    },
  }),
  copies: ({ weight }) => (weight.length === 1 ? 0 : undefined),
};

type Coefficients = number[];

/** @returns the factor of each model */
function meanOf(
  gram: readonly (readonly number[])[],
  { steps, tol }: { steps: number; tol: number },
): Coefficients {
  const lengths = gram.map((row, i) => Math.sqrt(row[i]!));
  const valid = [...lengths.keys()].filter((i) => lengths[i]! > tol);
  if (valid.length === 0) return gram.map(() => 0);
  // uᵢ = Wᵢ/|Wᵢ|, as coefficients of all models.
  const units = valid.map((i) => gram.map((_, j) => (i === j ? 1 / lengths[i]! : 0)));
  const sum = combination(
    units,
    units.map(() => 1 / units.length),
  );
  const size = lengthOf(gram, sum);
  let mean = size < tol ? units[0]! : sum.map((value) => value / size);
  for (let step = 0; step < steps; step++) {
    const tangent = tangentOf(gram, { mean, units, tol });
    const length = lengthOf(gram, tangent);
    if (length < tol) break;
    const [along, aside] = [Math.cos(length), Math.sin(length) / length];
    mean = mean.map((value, i) => along * value + aside * tangent[i]!);
    const norm = lengthOf(gram, mean);
    if (norm > tol) mean = mean.map((value) => value / norm);
  }
  const scale = lengths.reduce((total, length) => total + length, 0) / lengths.length;
  return mean.map((value) => scale * value);
}

/** The mean of log_m(u) over the directions u. */
function tangentOf(
  gram: readonly (readonly number[])[],
  { mean, units, tol }: { mean: Coefficients; units: readonly Coefficients[]; tol: number },
): Coefficients {
  const tangent = mean.map(() => 0);
  for (const unit of units) {
    const cosine = Math.min(1, Math.max(-1, product(gram, mean, unit)));
    const angle = Math.acos(cosine);
    if (angle < tol) continue;
    const factor = angle / Math.sin(angle) / units.length;
    for (let i = 0; i < tangent.length; i++) {
      tangent[i] = tangent[i]! + factor * (unit[i]! - cosine * mean[i]!);
    }
  }
  return tangent;
}

function combination(vectors: readonly Coefficients[], factors: readonly number[]): Coefficients {
  return vectors[0]!.map((_, i) =>
    vectors.reduce((sum, vector, k) => sum + factors[k]! * vector[i]!, 0),
  );
}
