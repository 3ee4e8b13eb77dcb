import { InputError } from "../../util/errors.ts";
import { gramMethod, lengthOf, product, gramRows } from "./gram.ts";
import type { Method, TensorParameters } from "./method.ts";

/**
 * Barycentric interpolation on the sphere: the directions uᵢ = vᵢ/|vᵢ| are projected on the tangent plane at their
 * weighted mean m, summed there with their weights, projected back, and given the length Σ wᵢ·|vᵢ|; vᵢ are the models, or
 * their differences to the base where there is one, each tensor one vector.
 * https://goddard.blog/posts/multislerp-wow-what-a-cool-idea
 *
 * As in mergekit: weights are divided by their sum (`normalize_weights`, on); one model alone is taken as it is,
 * whatever its weight; two whose directions cancel are summed along the straight line, more are refused.
 */
export const multislerp: Method = {
  ...gramMethod({
    grouping: () => "tensor",
    factors: (gram, tensor) => factorsOf(gramRows(gram, tensor), tensor.parameters),
  }),
  copies: ({ weight }) => (weight.length === 1 ? 0 : undefined),
};

/** @throws InputError where the weighted directions cancel */
function factorsOf(
  gram: readonly (readonly number[])[],
  { weight, normalize_weights, eps }: TensorParameters,
): number[] {
  const sum = normalize_weights ? weight.reduce((total, each) => total + each, 0) : 1;
  const weights = weight.map((each) => each / sum);
  const lengths = gram.map((row, i) => Math.sqrt(row[i]!));
  // Coefficients of m: unit vector i is 1/(|vᵢ| + eps) of vector i.
  const shares = weights.map((each, i) => each / (lengths[i]! + eps));
  const size = lengthOf(gram, shares);
  if (!(size >= eps)) {
    if (weights.length === 2 && size < eps) return weights;
    throw new InputError(
      `the weighted directions of the models cancel (weights ${weight.join(", ")}); change the weights`,
    );
  }
  const mean = shares.map((share) => share / size);
  const tangent = shares.slice();
  for (const [i, share] of shares.entries()) {
    const unit = mean.map((_, j) => (i === j ? 1 / (lengths[i]! + eps) : 0));
    const dot = product(gram, unit, mean);
    const back = share * (lengths[i]! + eps) * dot;
    for (let j = 0; j < tangent.length; j++) tangent[j] = tangent[j]! - back * mean[j]!;
  }
  const length = lengthOf(gram, tangent) + eps;
  const scale = weights.reduce((total, each, i) => total + each * lengths[i]!, 0);
  const [along, aside] = [Math.cos(length), Math.sin(length) / length];
  return mean.map((value, i) => scale * (along * value + aside * tangent[i]!));
}
