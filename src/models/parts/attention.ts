import type { CausalLmContext } from "../../graph/causal-lm.ts";
import type { Value } from "../../graph/graph.ts";
import { dimAt, product } from "../../graph/dim.ts";
import { type Norm, blockNorm } from "./norms.ts";
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
  rotate: Rotate;
  /** Queries and keys are normed head by head before they are turned; left out: they are not. */
  headNorms?: HeadNorms | undefined;
}

/** By their tensors' names in the block. */
export interface HeadNorms {
  norm: Norm;
  query: string;
  key: string;
}

/** Grouped-query attention (arXiv 2305.13245) over x [N,C], which is normed → [N,C]. */
export function attention(block: Block, x: Value, form: Attention): Value {
  const { rotate, headSize, query, key, value, output, headNorms } = form;
  const [q, k, v] = linear(block, x, [query, key, value]) as [Value, Value, Value];
  const scale = 1 / Math.sqrt(headSize);
  const normed = (flat: Value, name: string | undefined): Value =>
    headNorms && name !== undefined
      ? normOfHeads(block, flat, { norm: headNorms.norm, name, headSize })
      : flat;
  const heads = {
    layer: block.layer,
    q: rotate(normed(q, headNorms?.query)),
    k: rotate(normed(k, headNorms?.key)),
    v,
    scale,
  };
  return only(linear(block, block.context.attend(heads), [output]));
}

/** Each head's D values apart: [N,H·D] → [N·H,D] → [N,H·D]. */
function normOfHeads(
  block: Block,
  flat: Value,
  { norm, name, headSize }: { norm: Norm; name: string; headSize: number },
): Value {
  const { b } = block.context;
  const [tokens, width] = [dimAt(flat.shape, 0), dimAt(flat.shape, 1) as number];
  const heads = b.reshape(flat, [product([tokens, width / headSize]), headSize]);
  return b.reshape(blockNorm(block, heads, { norm, name }), flat.shape);
}
