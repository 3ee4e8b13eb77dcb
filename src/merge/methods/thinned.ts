/** What TIES, DARE, DELLA and Breadcrumbs share: task vectors of which a part is dropped, then joined. */
import { addDifferences, addElected, isBaseAlone } from "./differences.ts";
import type { MergeTensor, Method, Pass } from "./method.ts";
import { type Sparsify, rescalePass, scalesOf } from "./rescale.ts";

export interface Thinning {
  /** Summed, or by TIES' sign election. */
  join: "linear" | "ties";
  sparsify: Sparsify;
  /** What `sparsify` needs to know about the tensor. */
  passes?: (tensor: MergeTensor) => readonly Pass[];
  needsRows?: boolean;
}

export function thinnedTaskVectors({
  join,
  sparsify,
  passes = () => [],
  needsRows = false,
}: Thinning): Method {
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
