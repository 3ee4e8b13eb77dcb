import { addDifferences, differences, isBaseAlone } from "./differences.ts";
import type { Method } from "./method.ts";

/**
 * W = base + λ · Σ wᵢ·(Wᵢ − base). arXiv 2212.04089. With `normalize` (off unless asked for, as in mergekit)
 * the sum is divided by Σ wᵢ.
 */
export const taskArithmetic: Method = {
  copies: (parameters) => (isBaseAlone(parameters) ? "base" : undefined),
  combine: (stretch, tensor) =>
    addDifferences(
      stretch,
      differences(stretch),
      tensor,
      stretch.models.map(() => 1),
    ),
};
