/** How mergekit makes up for what a mask removed: by the L1 norm of what is left. */
import { differences } from "./differences.ts";
import type { Figures, MergeTensor, Pass, Stretch } from "./method.ts";

/** A norm that is smaller is not made up for, as in mergekit. */
const MIN_NORM = 1e-7;

/** The differences of each model with those set to zero that are not kept. */
export type Sparsify = (
  stretch: Stretch,
  tensor: MergeTensor,
  figures: Figures,
) => readonly Float64Array[];

/** Figure `scales`: Σ|δ| / Σ|kept δ| of each model; 1 where next to nothing is kept. */
export function rescalePass(sparsify: Sparsify): Pass {
  return {
    size: ({ parameters }) => 2 * parameters.weight.length,
    add: (sums, stretch, tensor, figures) => {
      const kept = sparsify(stretch, tensor, figures);
      for (const [index, delta] of differences(stretch).entries()) {
        sums[2 * index] = sums[2 * index]! + absoluteSum(delta);
        sums[2 * index + 1] = sums[2 * index + 1]! + absoluteSum(kept[index]!);
      }
    },
    finish: (sums, { parameters }, figures) => ({
      ...figures,
      scales: parameters.weight.map((_, index) =>
        sums[2 * index + 1]! >= MIN_NORM ? sums[2 * index]! / sums[2 * index + 1]! : 1,
      ),
    }),
  };
}

/** @returns 1 for each model where nothing is rescaled */
export function scalesOf({ scales }: Figures, { parameters }: MergeTensor): readonly number[] {
  return scales ? [...scales] : parameters.weight.map(() => 1);
}

function absoluteSum(values: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += Math.abs(values[i]!);
  return sum;
}
