import type { Method } from "./method.ts";

/** Above this |cosine| the sine in the denominator is of no use: a straight line instead, as in mergekit. */
const NEARLY_PARALLEL = 0.9995;
/** A vector that is shorter has no direction: it stands as if at a right angle, as in mergekit. */
const MIN_LENGTH = 1e-8;

/**
 * W = (sin((1−t)θ)·A + sin(tθ)·B) / sin θ with θ = arccos(A·B / |A||B|), each tensor taken as one vector: from
 * A, the base, at t = 0 to B at t = 1. Shoemake, "Animating rotation with quaternion curves", SIGGRAPH 1985.
 *
 * As in mergekit the lengths of A and B are kept, so the result's length is not constant on the way; and
 * with |cos θ| above 0.9995, as two fine-tunes of one base nearly always are, W = (1−t)·A + t·B.
 */
export const slerp: Method = {
  copies: ({ t }) => {
    if (t === 0) return "base";
    return t === 1 ? 0 : undefined;
  },
  passes: () => [
    {
      size: () => 3,
      add: (sums, { base, models }) => {
        const [a, b] = [base!, models[0]!];
        let [aa, bb, ab] = [0, 0, 0];
        for (let i = 0; i < a.length; i++) {
          const [x, y] = [a[i]!, b[i]!];
          aa += x * x;
          bb += y * y;
          ab += x * y;
        }
        sums[0] = sums[0]! + aa;
        sums[1] = sums[1]! + bb;
        sums[2] = sums[2]! + ab;
      },
      finish: ([aa = 0, bb = 0, ab = 0], { parameters: { t } }) => {
        const lengths = [Math.sqrt(aa), Math.sqrt(bb)].map((length) =>
          length > MIN_LENGTH ? length : 1,
        );
        return { factors: factorsOf(ab / lengths[0]! / lengths[1]!, t) };
      },
    },
  ],
  combine: ({ base, models }, _, { factors = [] }) => {
    const [a, b] = [base!, models[0]!];
    const [ofA = 0, ofB = 0] = factors;
    const sums = new Float64Array(a.length);
    for (let i = 0; i < sums.length; i++) sums[i] = ofA * a[i]! + ofB * b[i]!;
    return sums;
  },
};

function factorsOf(cosine: number, t: number): readonly [number, number] {
  if (Math.abs(cosine) > NEARLY_PARALLEL) return [1 - t, t];
  const angle = Math.acos(cosine);
  return [Math.sin((1 - t) * angle) / Math.sin(angle), Math.sin(t * angle) / Math.sin(angle)];
}
