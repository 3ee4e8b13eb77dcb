import { addDifferences, differences, isBaseAlone } from "./differences.ts";
import { type Method, NO_PASSES } from "./method.ts";

/**
 * W = base + λ · Σ wᵢ·(Wᵢ − base). arXiv 2212.04089. With `normalize` (off unless asked for, as in mergekit)
 * the sum is divided by Σ wᵢ.
 */
export const taskArithmetic: Method = {
  title: "task arithmetic",
  paper: "https://arxiv.org/abs/2212.04089",
  base: "needed",
  models: { min: 1, max: Infinity },
  parameters: ["weight", "normalize", "lambda"],
  defaults: { normalize: false, rescale: false },
  copies: (parameters) => (isBaseAlone(parameters) ? "base" : undefined),
  passes: () => NO_PASSES,
  combine: (stretch, tensor) =>
    addDifferences(
      stretch,
      differences(stretch),
      tensor,
      stretch.models.map(() => 1),
    ),
};
