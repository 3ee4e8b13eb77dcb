/**
 * Floating-point operations that a LoRA step on a frozen base needs, products only (a product of
 * [M, K] and [K, N] is 2·M·N·K), with N tokens in rows of T, R of them counted:
 *
 *   linears    forward 2·N·in·out and the same for dx; none for the first layer's q, k and v, below
 *              which nothing is trained; no dW, the base is frozen
 *   head       2·R·C·V forward and the same for dx: only counted tokens need logits
 *   attention  q·kᵀ and p·v forward, dp, dv, dq, dk backward: 6 · 2·T²·C per layer and row. Counted
 *              dense, as matrix products compute it; a causal kernel may do half
 *   LoRA       down and up, twice each backward: 6·N·r·(in + out) per linear
 *
 * Work that a program does beyond that (logits of ignored tokens, padding, recomputation) is not
 * counted: the share of the limit is of the useful work.
 */
import { type LlamaShape, layerLinears } from "./shapes.ts";

export interface StepWork {
  /** Positions of each row that the model must run over. */
  rowLengths: readonly number[];
  counted: number;
  rank: number;
}

export interface StepFlops {
  linears: number;
  head: number;
  attention: number;
  lora: number;
  total: number;
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

export function stepFlops(shape: LlamaShape, { rowLengths, counted, rank }: StepWork): StepFlops {
  const { hidden, layers, vocabulary } = shape;
  const tokens = sum(rowLengths);
  const layer = layerLinears(shape);
  const perLayer = sum(layer.map(([inFeatures, outFeatures]) => inFeatures * outFeatures));
  const firstProjections = sum(layer.slice(0, 3).map(([from, to]) => from * to));
  const linears = 2 * tokens * (2 * layers * perLayer - firstProjections);
  const head = 4 * counted * hidden * vocabulary;
  const attention = 12 * layers * hidden * sum(rowLengths.map((length) => length ** 2));
  const lora = 6 * tokens * rank * layers * sum(layer.map(([from, to]) => from + to));
  return { linears, head, attention, lora, total: linears + head + attention + lora };
}
