import type { Value } from "../../graph/graph.ts";
import { type Block, linear, only } from "./part.ts";

/** Modules of the block. */
export interface GatedFeedForward {
  gate: string;
  up: string;
  down: string;
}

/** SwiGLU (arXiv 2002.05202) over x [N,C], which is normed → [N,C]: W_down·(silu(W_gate·x) ∘ W_up·x). */
export function swiGlu(block: Block, x: Value, { gate, up, down }: GatedFeedForward): Value {
  const [gated, raised] = linear(block, x, [gate, up]) as [Value, Value];
  const activated = block.context.b.apply("SwiGlu", [gated, raised], {});
  return only(linear(block, activated, [down]));
}
