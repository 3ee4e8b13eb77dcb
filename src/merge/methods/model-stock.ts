import { gramMethod } from "./gram.ts";

/** The least product of two lengths, and the least denominator; as in mergekit. */
const TINY = 1e-6;

/**
 * W = t · W̄ + (1 − t) · base, W̄ the mean of N fine-tunes, t = N·cos θ / (1 + (N − 1)·cos θ), θ the angle between two of them
 * seen from the base. arXiv 2403.19522.
 *
 * As in mergekit cos θ is the mean over all pairs, each tensor is one vector (with `filter_wise` each row), and
 * where the denominator vanishes the base is kept.
 */
export const modelStock = gramMethod({
  grouping: ({ parameters }) => (parameters.filter_wise ? "rows" : "tensor"),
  factors: (gram, { parameters }) => {
    const count = parameters.weight.length;
    const factors = new Float64Array(gram.length / count);
    for (let group = 0; group * count < factors.length; group++) {
      const share = ratioOf(gram, group * count ** 2, count) / count;
      factors.fill(share, group * count, (group + 1) * count);
    }
    return factors;
  },
});

/** t. @param at where the group's products begin */
function ratioOf(gram: Float64Array, at: number, count: number): number {
  const entry = (i: number, j: number): number => gram[at + i * count + j]!;
  let [sum, pairs] = [0, 0];
  for (let i = 0; i < count; i++) {
    for (let j = i + 1; j < count; j++) {
      const lengths = Math.max(Math.sqrt(entry(i, i)) * Math.sqrt(entry(j, j)), TINY);
      sum += Math.min(1, Math.max(-1, entry(i, j) / lengths));
      pairs++;
    }
  }
  const cosine = sum / pairs;
  const denominator = 1 + (count - 1) * cosine;
  return Math.abs(denominator) < TINY ? 0 : (count * cosine) / denominator;
}
