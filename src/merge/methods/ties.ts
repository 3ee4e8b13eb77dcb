import { differences } from "./differences.ts";
import { type Selection, largestOf, largestPasses, scoreBits } from "./largest.ts";
import { isThinned, thinnedTaskVectors } from "./thinned.ts";

/** k = ⌊density · elements⌋, but one at least, as in mergekit. */
const TRIM: Selection = {
  counts: ({ elements, parameters }) =>
    parameters.density.map((density, model) =>
      isThinned(parameters, model) ? Math.max(1, Math.floor(density * elements)) : 0,
    ),
  scores: (stretch, { parameters }) =>
    differences(stretch).map((delta, model) =>
      isThinned(parameters, model) ? scoreBits(delta) : undefined,
    ),
};

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
  mask: (delta, model, { start, figures }) =>
    largestOf(scoreBits(delta), model, { start, figures }),
  passes: () => largestPasses(TRIM),
});
