import { gramMethod } from "./gram.ts";

/** A vector that is shorter is divided by this instead of its length, as in mergekit. */
const MIN_LENGTH = 1e-7;
/** Where sin²θ is less, the path is a straight line. */
const COLINEAR = 1e-16;
/** Where the weights' sum is less, the middle is taken. */
const MIN_WEIGHT_SUM = 1e-6;

/**
 * W = (sin((1−t)θ)·A + sin(tθ)·B) / sin θ, t = w_B / (w_A + w_B), θ the angle between A and B; with a base between A − base and
 * B − base, and added to it. Shoemake, SIGGRAPH 1985.
 *
 * As in mergekit each tensor is one vector; without `nuslerp_flatten` each row is one, with `nuslerp_row_wise`
 * then each column. Weights whose sum is 0 give t = 1/2; a straight line only where A and B are parallel.
 */
export const nuslerp = gramMethod({
  grouping: ({ parameters, shape }) => {
    const { nuslerp_flatten: isFlat, nuslerp_row_wise: isByColumn } = parameters;
    if (isFlat || shape.length < 2) return "tensor";
    return isByColumn ? "columns" : "rows";
  },
  factors: (gram, { parameters: { weight } }) => {
    const total = weight[0]! + weight[1]!;
    const t = Math.abs(total) < MIN_WEIGHT_SUM ? 0.5 : weight[1]! / total;
    const factors = new Float64Array(gram.length / 2);
    for (let group = 0; group < gram.length / 4; group++) {
      const at = 4 * group;
      const [aa, ab, bb] = [gram[at]!, gram[at + 1]!, gram[at + 3]!];
      factors.set(factorsOf({ aa, ab, bb }, t), 2 * group);
    }
    return factors;
  },
});

function factorsOf(
  { aa, ab, bb }: { aa: number; ab: number; bb: number },
  t: number,
): readonly [number, number] {
  const [a, b] = [aa, bb].map((square) => Math.max(Math.sqrt(square), MIN_LENGTH)) as [
    number,
    number,
  ];
  const cosine = Math.min(1, Math.max(-1, ab / a / b));
  if (1 - cosine ** 2 <= COLINEAR) return [1 - t, t];
  const angle = Math.acos(cosine);
  return [Math.sin((1 - t) * angle) / Math.sin(angle), Math.sin(t * angle) / Math.sin(angle)];
}
