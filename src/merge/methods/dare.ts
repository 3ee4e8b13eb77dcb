/** DARE, arXiv 2311.03099: each element of a task vector is dropped at random, the rest made larger. */
import { addDifferences, addElected, differences, isBaseAlone } from "./differences.ts";
import { type Method, NO_PASSES, type Stretch, type TensorParameters } from "./method.ts";
import { type MaskPart, bernoulliMask } from "./philox.ts";
import { type Sparsify, rescalePass, scalesOf } from "./rescale.ts";

/** @returns ones for what is kept. @param model 0-based */
export type DrawMask = (part: MaskPart, model: number) => Uint8Array;

/** What differs is how the sparse task vectors are joined; `draw` is the random mask. */
export function dareMethod(join: "linear" | "ties", draw: DrawMask = bernoulliMask): Method {
  const sparsify: Sparsify = (stretch, { parameters }) =>
    differences(stretch).map((delta, index) => dropped(delta, index, { stretch, parameters }));
  const dropped = (
    delta: Float64Array,
    index: number,
    { stretch: { start }, parameters }: { stretch: Stretch; parameters: TensorParameters },
  ): Float64Array => {
    const density = parameters.density[index]!;
    if (density >= 1) return delta;
    const part = { key: parameters.keys[index]!, start, length: delta.length, density };
    const mask = draw(part, index);
    for (let i = 0; i < delta.length; i++) delta[i] = mask[i] ? delta[i]! : 0;
    return delta;
  };
  return {
    title: `DARE ${join}`,
    paper: "https://arxiv.org/abs/2311.03099",
    base: "needed",
    models: { min: 1, max: Infinity },
    parameters: ["weight", "density", "normalize", "rescale", "lambda"],
    defaults: { normalize: false, rescale: true },
    copies: (parameters) => (isBaseAlone(parameters) ? "base" : undefined),
    passes: ({ parameters: { rescale, density } }) =>
      rescale && density.some((each) => each < 1) ? [rescalePass(sparsify)] : NO_PASSES,
    combine: (stretch, tensor, figures) => {
      const kept = sparsify(stretch, tensor, figures);
      const add = join === "ties" ? addElected : addDifferences;
      return add(stretch, kept, tensor, scalesOf(figures, tensor));
    },
  };
}
