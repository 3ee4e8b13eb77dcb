import type { CausalLmContext } from "../../graph/causal-lm.ts";
import type { Value } from "../../graph/graph.ts";
import { type Block, linear, only } from "./part.ts";
import { type RopeParameters, ropeTables } from "./rope.ts";

/** Turns queries or keys [N,·] by their positions. */
export type Rotate = (flat: Value) => Value;

/** The tables stand in the graph once, for all layers. */
export function rotary(context: CausalLmContext, rope: RopeParameters): Rotate {
  const { b, maxPositions } = context;
  const { cos, sin } = ropeTables(rope, maxPositions);
  const shape = [maxPositions, rope.headSize / 2];
  const tables = [b.constant("rope.cos", cos, shape), b.constant("rope.sin", sin, shape)] as const;
  return (flat) => b.apply("Rope", [flat, context.inputs.positions, ...tables], {});
}

export interface Attention {
  /** D */
  headSize: number;
  /** Modules of the block. */
  query: string;
  key: string;
  value: string;
  output: string;
}

/** Grouped-query attention (arXiv 2305.13245) over x [N,C], which is normed → [N,C]. */
export function attention(block: Block, x: Value, form: Attention & { rotate: Rotate }): Value {
  const { rotate, headSize, query, key, value, output } = form;
  const [q, k, v] = linear(block, x, [query, key, value]) as [Value, Value, Value];
  const scale = 1 / Math.sqrt(headSize);
  const heads = { layer: block.layer, q: rotate(q), k: rotate(k), v, scale };
  return only(linear(block, block.context.attend(heads), [output]));
}
