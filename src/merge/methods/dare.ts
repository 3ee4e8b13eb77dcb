/** DARE, arXiv 2311.03099: each element of a task vector is dropped at random, the rest made larger. */
import type { Method } from "./method.ts";
import { type MaskPart, bernoulliMask } from "./philox.ts";
import { thinnedTaskVectors } from "./thinned.ts";

/** @returns ones for what is kept. @param model 0-based */
export type DrawMask = (part: MaskPart, model: number) => Uint8Array;

/** What differs is how the sparse task vectors are joined; `draw` is the random mask. */
export function dareMethod(join: "linear" | "ties", draw: DrawMask = bernoulliMask): Method {
  return thinnedTaskVectors({
    join,
    mask: ({ length }, model, { start, tensor }) => {
      const { keys, density } = tensor.parameters;
      return draw({ key: keys[model]!, start, length, density: density[model]! }, model);
    },
  });
}
