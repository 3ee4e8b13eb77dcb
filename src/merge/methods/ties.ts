import { addElected, differences, isBaseAlone } from "./differences.ts";
import { cutPasses, cutSmall } from "./magnitude-cut.ts";
import { type Method, NO_PASSES } from "./method.ts";
import { type Sparsify, rescalePass, scalesOf } from "./rescale.ts";

const trim: Sparsify = (stretch, { parameters }, figures) => {
  const deltas = differences(stretch);
  for (const [model, delta] of deltas.entries()) {
    if (parameters.density[model]! < 1) cutSmall(delta, model, { start: stretch.start, figures });
  }
  return deltas;
};

/**
 * Trim, elect sign, merge. arXiv 2306.01708. Of each task vector δᵢ = Wᵢ − base the share `density` that is
 * largest is kept, exactly ⌊density · n⌋ elements of each tensor and one at least; for each element the sign
 * of Σ wᵢ·δᵢ is elected; W = base + λ · Σ of those wᵢ·δᵢ that have it.
 *
 * As in mergekit the result is divided, element by element, by the weights of those elected (`normalize`, on
 * unless said otherwise; with equal weights the paper's disjoint mean), each tensor is trimmed by itself (the
 * paper trims the whole model), and `rescale` (off) makes up for what was trimmed by the L1 norm.
 * Among equal magnitudes at the cut the first in the tensor are kept; mergekit's choice is PyTorch's.
 */
export const ties: Method = {
  title: "TIES",
  paper: "https://arxiv.org/abs/2306.01708",
  base: "needed",
  models: { min: 1, max: Infinity },
  parameters: ["weight", "density", "normalize", "rescale", "lambda"],
  defaults: { normalize: true, rescale: false },
  copies: (parameters) => (isBaseAlone(parameters) ? "base" : undefined),
  passes: ({ parameters: { density, rescale } }) => {
    if (density.every((each) => each >= 1)) return NO_PASSES;
    return rescale ? [...cutPasses, rescalePass(trim)] : cutPasses;
  },
  combine: (stretch, tensor, figures) =>
    addElected(stretch, trim(stretch, tensor, figures), tensor, scalesOf(figures, tensor)),
};
