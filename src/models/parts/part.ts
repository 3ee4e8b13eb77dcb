/** What a part of a model's graph is made with, and linear layers, which all of them have. */
import type { CausalLmContext, LinearResult } from "../../graph/causal-lm.ts";
import { dimAt } from "../../graph/dim.ts";
import type { Value } from "../../graph/graph.ts";
import { type DecoderLayout, blockPath } from "./decoder-layout.ts";

/** A block of the model, in the making. */
export interface Block {
  layout: DecoderLayout;
  context: CausalLmContext;
  layer: number;
}

/** x·Wᵀ + bias of layers of the block that share x, with the adapters' parts. x [N,in] → [N,out] each. */
export function linear(block: Block, x: Value, paths: readonly string[]): readonly Value[] {
  const { layout, context, layer } = block;
  const { b } = context;
  const inFeatures = dimAt(x.shape, 1);
  const results = paths.map((inBlock): LinearResult => {
    const known = layout.linears[inBlock];
    if (!known) throw new Error(`internal: no linear layer ${inBlock}`);
    const { outFeatures, hasBias } = known;
    const path = `${blockPath(layout, layer)}.${inBlock}`;
    const stored = context.tensor(`${path}.weight`, [outFeatures, inFeatures]);
    const weight = (): Value => b.asFloat32(stored);
    const product = (z: Value): Value => b.gemm(z, weight(), { transB: true });
    const unbiased = product(x);
    if (!hasBias) return { path, base: unbiased, weight, bias: undefined, product };
    const bias = b.asFloat32(context.tensor(`${path}.bias`, [outFeatures]));
    return { path, base: b.add(unbiased, bias), weight, bias, product };
  });
  return context.adapt(b, x, results);
}

export function only(values: readonly Value[]): Value {
  const [value] = values;
  if (!value || values.length > 1) throw new Error(`internal: ${values.length} values for one`);
  return value;
}
