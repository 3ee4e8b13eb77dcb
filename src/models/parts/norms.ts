import type { CausalLmContext } from "../../graph/causal-lm.ts";
import type { Value } from "../../graph/graph.ts";
import { blockPath } from "./decoder-layout.ts";
import type { Block } from "./part.ts";

/** By the whole name of the norm's weight: x [N,C] → [N,C]. */
export type Norm = (context: CausalLmContext, name: string, x: Value) => Value;

/** Root mean square (arXiv 1910.07467). */
export function rmsNorm({ width, epsilon }: { width: number; epsilon: number }): Norm {
  return ({ b, tensor }, name, x) =>
    b.apply("RmsNorm", [x, b.asFloat32(tensor(name, [width]))], { epsilon });
}

/** With a weight of the block, by its name there. */
export function blockNorm(
  { context, layout, layer }: Block,
  x: Value,
  { norm, name }: { norm: Norm; name: string },
): Value {
  return norm(context, `${blockPath(layout, layer)}.${name}`, x);
}
