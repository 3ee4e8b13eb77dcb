import type { Method, TensorParameters } from "./method.ts";

/**
 * W = Σ wᵢ·Wᵢ, divided by Σ wᵢ with `normalize` (the default, as in mergekit).
 * Model soups, arXiv 2203.05482; with two models WiSE-FT, arXiv 2109.01903.
 */
export const linear: Method = {
  copies: (parameters) => {
    const weights = factors(parameters);
    const only = weights.findIndex((weight) => weight !== 0);
    const isAlone = weights.filter((weight) => weight !== 0).length === 1;
    return isAlone && weights[only] === 1 ? only : undefined;
  },
  factors,
  combine: ({ models }, { parameters }) => {
    const [a, b] = models;
    // Two is what nearly everyone mixes.
    if (a && b && models.length === 2) return sumInPlace(a, b, factors(parameters));
    const sums = new Float64Array(models[0]?.length ?? 0);
    for (const [index, weight] of factors(parameters).entries()) {
      const values = models[index]!;
      for (let i = 0; i < sums.length; i++) sums[i] = sums[i]! + weight * values[i]!;
    }
    return sums;
  },
};

/** a ← p·a + q·b, in double precision, rounded when it is stored. */
function sumInPlace(
  a: Float32Array,
  b: Float32Array,
  [p = 0, q = 0]: readonly number[],
): Float32Array {
  for (let i = 0; i < a.length; i++) a[i] = p * a[i]! + q * b[i]!;
  return a;
}

function factors({ weight, normalize }: TensorParameters): readonly number[] {
  const sum = normalize ? weight.reduce((total, each) => total + each, 0) : 1;
  return weight.map((each) => each / sum);
}
