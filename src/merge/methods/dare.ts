/** DARE, arXiv 2311.03099: each element of a task vector is dropped at random, the rest made larger. */
import { differences } from "./differences.ts";
import type { Method } from "./method.ts";
import { type MaskPart, bernoulliMask } from "./philox.ts";
import { thinnedTaskVectors } from "./thinned.ts";

/** @returns ones for what is kept. @param model 0-based */
export type DrawMask = (part: MaskPart, model: number) => Uint8Array;

/** What differs is how the sparse task vectors are joined; `draw` is the random mask. */
export function dareMethod(join: "linear" | "ties", draw: DrawMask = bernoulliMask): Method {
  return thinnedTaskVectors({
    join,
    sparsify: (stretch, { parameters }) =>
      differences(stretch).map((delta, model) => {
        const density = parameters.density[model]!;
        if (density >= 1) return delta;
        const { start } = stretch;
        const part = { key: parameters.keys[model]!, start, length: delta.length, density };
        const mask = draw(part, model);
        for (let i = 0; i < delta.length; i++) delta[i] = mask[i] ? delta[i]! : 0;
        return delta;
      }),
  });
}
