import type { ReftWeights } from "../../../src/adapter-files/reft/intervention.ts";

/** h' for rows of hidden states [n, d], by the formulas of intervention.ts, in float64. */
export function applyReft(
  { type, rank, rotate, weight, bias }: ReftWeights,
  hidden: readonly number[],
): number[] {
  const d = rotate.length / rank;
  const row = (i: number) => hidden.slice(i - (i % d), i - (i % d) + d);
  const added = (h: readonly number[], r: number) => {
    const source = h.reduce((sum, value, j) => sum + value * weight[r * d + j]!, bias[r]!);
    const rotated = h.reduce((sum, value, j) => sum + value * rotate[j * rank + r]!, 0);
    return type === "direft" ? source : source - rotated;
  };
  return hidden.map((value, i) => {
    const h = row(i);
    const ranks = Array.from({ length: rank }, (_, r) => rotate[(i % d) * rank + r]! * added(h, r));
    return ranks.reduce((sum, each) => sum + each, value);
  });
}
