/** Model Breadcrumbs, arXiv 2312.06795: a task vector without its smallest and its largest elements. */
import { differences } from "./differences.ts";
import { type Selection, largestOf, largestPasses, scoreBits } from "./largest.ts";
import type { MergeTensor, Method } from "./method.ts";
import { isThinned, thinnedTaskVectors } from "./thinned.ts";

interface Cuts {
  /** The largest that are not too small; of them the largest `outliers` go. */
  most: number;
  outliers: number;
}

/**
 * mergekit's counts: where `gamma` asks for more than density leaves, fewer outliers go. One below 0 takes from what
 * is kept instead, at its lower end.
 */
function cutsOf({ elements, parameters }: MergeTensor, model: number): Cuts {
  const kept = Math.floor(parameters.density[model]! * elements);
  const outliers = Math.trunc(parameters.gamma[model]! * elements);
  const most = Math.max(0, Math.min(elements, kept + outliers));
  return { most, outliers: Math.max(0, most - kept) };
}

/** Two counts of each model's magnitudes. */
const CRUMBS: Selection = {
  counts: (tensor) =>
    tensor.parameters.density.flatMap((_, model) => {
      if (!isThinned(tensor.parameters, model)) return [0, 0];
      const { most, outliers } = cutsOf(tensor, model);
      return [most, outliers];
    }),
  scores: (stretch, tensor) =>
    differences(stretch).flatMap((delta, model) => {
      if (!isThinned(tensor.parameters, model)) return [undefined, undefined];
      const bits = scoreBits(delta);
      return [bits, cutsOf(tensor, model).outliers > 0 ? bits : undefined];
    }),
};

export function breadcrumbsMethod(join: "linear" | "ties"): Method {
  return thinnedTaskVectors({
    join,
    mask: (delta, model, { start, tensor, figures }) => {
      const bits = scoreBits(delta);
      const { most, outliers } = cutsOf(tensor, model);
      if (most === outliers) return new Uint8Array(delta.length);
      const kept = largestOf(bits, 2 * model, { start, figures });
      if (outliers === 0) return kept;
      const dropped = largestOf(bits, 2 * model + 1, { start, figures });
      for (let i = 0; i < kept.length; i++) if (dropped[i] === 1) kept[i] = 0;
      return kept;
    },
    passes: () => largestPasses(CRUMBS),
  });
}
