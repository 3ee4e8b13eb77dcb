import { linear } from "./linear.ts";
import type { Method, TensorParameters } from "./method.ts";

/**
 * W = (1/n) · Σ Wᵢ. arXiv 2203.05482. Uniform: of all models. Greedy (algorithm 1 of the paper): the models in
 * the order of their results on held-out data, each kept if the soup with it is no worse; which ones
 * those are is decided before the merge, see evaluation/greedy-soup.ts. mergekit has no such method.
 */
export const modelSoup: Method = {
  copies: (parameters) => linear.copies?.(asMean(parameters)),
  factors: (parameters) => linear.factors?.(asMean(parameters)) ?? [],
  combine: (stretch, tensor, figures) =>
    linear.combine(stretch, { ...tensor, parameters: asMean(tensor.parameters) }, figures),
};

function asMean(parameters: TensorParameters): TensorParameters {
  return { ...parameters, normalize: true };
}
