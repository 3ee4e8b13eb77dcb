/** What TIES, DARE, DELLA and Breadcrumbs share: task vectors of which a part is dropped, then joined. */
import { addDifferences, addElected, differences, isBaseAlone } from "./differences.ts";
import type { Figures, MergeTensor, Method, Pass, TensorParameters } from "./method.ts";
import { type Sparsify, rescalePass, scalesOf } from "./rescale.ts";

export interface Thinning {
  /** Summed, or by TIES' sign election. */
  join: "linear" | "ties";
  /**
   * Zeros for what is dropped of a task vector that is thinned.
   * @param model 0-based
   */
  mask: (delta: Float64Array, model: number, place: ThinnedPlace) => Uint8Array;
  /** What `mask` needs to know about the tensor. */
  passes?: (tensor: MergeTensor) => readonly Pass[];
  needsRows?: boolean;
}

export interface ThinnedPlace {
  /** Where the stretch starts. */
  start: number;
  tensor: MergeTensor;
  figures: Figures;
}

/** At density 0 nothing is kept, at 1 all. */
export function isThinned({ density }: TensorParameters, model: number): boolean {
  return density[model]! > 0 && density[model]! < 1;
}

export function thinnedTaskVectors({
  join,
  mask,
  passes = () => [],
  needsRows = false,
}: Thinning): Method {
  const sparsify = sparsifyBy(mask);
  return {
    needsRows,
    copies: (parameters) => (isBaseAlone(parameters) ? "base" : undefined),
    passes: (tensor) => {
      const { rescale, density } = tensor.parameters;
      if (density.every((each) => each >= 1)) return [];
      return rescale ? [...passes(tensor), rescalePass(sparsify)] : passes(tensor);
    },
    combine: (stretch, tensor, figures) => {
      const kept = sparsify(stretch, tensor, figures);
      const add = join === "ties" ? addElected : addDifferences;
      return add(stretch, kept, tensor, scalesOf(figures, tensor));
    },
  };
}

function sparsifyBy(mask: Thinning["mask"]): Sparsify {
  return (stretch, tensor, figures) =>
    differences(stretch).map((delta, model) => {
      if (tensor.parameters.density[model]! <= 0) return delta.fill(0);
      if (!isThinned(tensor.parameters, model)) return delta;
      const kept = mask(delta, model, { start: stretch.start, tensor, figures });
      for (let i = 0; i < delta.length; i++) if (kept[i] === 0) delta[i] = 0;
      return delta;
    });
}
