/** Model Breadcrumbs, arXiv 2312.06795: a task vector without its smallest and its largest elements. */
import { differences } from "./differences.ts";
import { type Selection, largestOf, largestPasses, scoreBits } from "./largest.ts";
import type { MergeTensor, Method } from "./method.ts";
import { thinnedTaskVectors } from "./thinned.ts";

interface Cuts {
  /** The largest that are not too small; of them the largest `outliers` go. */
  most: number;
  outliers: number;
}

/** mergekit's counts: where `gamma` asks for more than density leaves, fewer outliers go. */
function cutsOf({ elements, parameters }: MergeTensor, model: number): Cuts {
  const kept = Math.floor(parameters.density[model]! * elements);
  const outliers = Math.floor(parameters.gamma[model]! * elements);
  const most = elements - Math.max(0, elements - kept - outliers);
  return { most, outliers: most - kept };
}

function isThinned({ parameters }: MergeTensor, model: number): boolean {
  const density = parameters.density[model]!;
  return density > 0 && density < 1;
}

/** Two counts of each model's magnitudes. */
const CRUMBS: Selection = {
  counts: (tensor) =>
    tensor.parameters.density.flatMap((_, model) => {
      if (!isThinned(tensor, model)) return [0, 0];
      const { most, outliers } = cutsOf(tensor, model);
      return [most, outliers];
    }),
  scores: (stretch, tensor) =>
    differences(stretch).flatMap((delta, model) => {
      if (!isThinned(tensor, model)) return [undefined, undefined];
      const bits = scoreBits(delta);
      return [bits, cutsOf(tensor, model).outliers > 0 ? bits : undefined];
    }),
};

export function breadcrumbsMethod(join: "linear" | "ties"): Method {
  return thinnedTaskVectors({
    join,
    sparsify: (stretch, tensor, figures) => {
      const deltas = differences(stretch);
      const { start } = stretch;
      for (const [model, delta] of deltas.entries()) {
        if (tensor.parameters.density[model]! <= 0) delta.fill(0);
        if (!isThinned(tensor, model)) continue;
        const bits = scoreBits(delta);
        const { most, outliers } = cutsOf(tensor, model);
        const kept = largestOf(bits, 2 * model, { start, figures });
        const dropped = outliers > 0 && largestOf(bits, 2 * model + 1, { start, figures });
        for (let i = 0; i < delta.length; i++) {
          if (most === outliers || kept[i] === 0 || (dropped && dropped[i] === 1)) delta[i] = 0;
        }
      }
      return deltas;
    },
    passes: () => largestPasses(CRUMBS),
  });
}
