import { differences } from "./differences.ts";
import { type Selection, largestOf, largestPasses, scoreBits } from "./largest.ts";
import { thinnedTaskVectors } from "./thinned.ts";

/** k = ⌊density · elements⌋, but one at least, as in mergekit. */
const TRIM: Selection = {
  counts: ({ elements, parameters }) =>
    parameters.density.map((density) =>
      isTrimmed(density) ? Math.max(1, Math.floor(density * elements)) : 0,
    ),
  scores: (stretch, { parameters }) =>
    differences(stretch).map((delta, model) =>
      isTrimmed(parameters.density[model]!) ? scoreBits(delta) : undefined,
    ),
};

function isTrimmed(density: number): boolean {
  return density > 0 && density < 1;
}

/**
 * Trim, elect sign, merge. arXiv 2306.01708. Of each task vector δᵢ = Wᵢ − base the share `density` that is
 * largest is kept, exactly ⌊density · n⌋ elements of each tensor and one at least (none at 0); for each element the
 * sign of Σ wᵢ·δᵢ is elected; W = base + λ · Σ of those wᵢ·δᵢ that have it.
 *
 * As in mergekit the result is divided, element by element, by the weights of those elected (`normalize`, on
 * unless said otherwise; with equal weights the paper's disjoint mean), each tensor is trimmed by itself (the
 * paper trims the whole model), and `rescale` (off) makes up for what was trimmed by the L1 norm.
 * Among equal magnitudes at the cut the first in the tensor are kept; mergekit's choice is PyTorch's.
 */
export const ties = thinnedTaskVectors({
  join: "ties",
  sparsify: (stretch, { parameters }, figures) => {
    const deltas = differences(stretch);
    for (const [model, delta] of deltas.entries()) {
      const density = parameters.density[model]!;
      if (density <= 0) delta.fill(0);
      if (!isTrimmed(density)) continue;
      const mask = largestOf(scoreBits(delta), model, { start: stretch.start, figures });
      for (let i = 0; i < delta.length; i++) if (mask[i] === 0) delta[i] = 0;
    }
    return deltas;
  },
  passes: () => largestPasses(TRIM),
});
