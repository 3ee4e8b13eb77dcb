/**
 * What every causal language model's graph looks like from outside, so that objectives, adapters
 * and decoding know no model. Symbols: N tokens of all rows, R of them whose hidden states reach the
 * head, C model width, H query heads, K key heads, D head size, V vocabulary.
 */
import type { GraphBuilder } from "./builder.ts";
import type { Shape } from "./dim.ts";
import type { Value } from "./graph.ts";
import type { BlockOf } from "../util/tensor-patterns.ts";

/** A linear layer y = x·Wᵀ (+ bias) that an adapter may attach to. */
export interface LinearLayer {
  /** The module's path in the checkpoint, e.g. `model.layers.0.self_attn.q_proj`. */
  path: string;
  inFeatures: number;
  outFeatures: number;
  /** The output head, which "all-linear" leaves out as PEFT does. */
  isHead: boolean;
}

export interface NamedShape {
  name: string;
  shape: readonly number[];
}

/** A linear layer's result and what it is made of; what is not used leaves no node behind. */
export interface LinearResult {
  path: string;
  /** x·Wᵀ (+ bias), [N,out]. */
  base: Value;
  /** W, [out,in] float32. */
  weight: () => Value;
  /** [out] float32. */
  bias: Value | undefined;
  /** z·Wᵀ of another input z [N,in]. */
  product: (z: Value) => Value;
}

/**
 * Adds an adapter's part to the results of linear layers that share one input: x [N,in] → each
 * [N,out], in the same order.
 */
export type LinearHook = (
  b: GraphBuilder,
  x: Value,
  layers: readonly LinearResult[],
) => readonly Value[];

/**
 * Adds an adapter's part to the token embeddings: x [N,C] of ids [N] → [N,C].
 * @param table the embeddings as the model has them, [V,C] float32
 */
export type EmbeddingHook = (x: Value, ids: Value, table: () => Value) => Value;

/** q [N,H·D], k and v [N,K·D], rotated → [N,H·D]. Which token sees which is the caller's business. */
export type Attend = (heads: {
  layer: number;
  q: Value;
  k: Value;
  v: Value;
  /** Factor of q·kᵀ. */
  scale: number;
}) => Value;

export interface CausalLmInputs {
  /** Token ids [N] int64: rows one after the other, without padding. */
  ids: Value;
  /** Place of each token in its own row, [N,1] int64. */
  positions: Value;
  /** Which hidden states reach the head: indices [R] int64. */
  rows: Value;
}

export interface CausalLmOutputs {
  /** The chosen hidden states after the last norm, [R,C]. */
  hidden: Value;
  /** The head's weight as it is stored, [V,C]. */
  headWeight: Value;
  /** Adds the head with its adapter, [R,V]; for a loss that does not need logits, do not. */
  logits: () => Value;
}

export interface CausalLmContext {
  b: GraphBuilder;
  inputs: CausalLmInputs;
  /** Longest position + 1 that will be fed. */
  maxPositions: number;
  /** The named tensor in whatever type it is stored. */
  tensor: (name: string, shape: Shape) => Value;
  /** Wraps linear layers; the identity when there is no adapter. */
  adapt: LinearHook;
  /** Wraps the token embeddings, likewise. */
  embedded: EmbeddingHook;
  /** What is done to the residual stream [N,C] after a block; undefined for nothing. */
  edit: (layer: number) => ((x: Value) => Value) | undefined;
  attend: Attend;
}

/** One architecture, bound to one config. */
export interface CausalLm {
  vocabSize: number;
  maxPositions: number;
  layers: number;
  heads: number;
  keyValueHeads: number;
  headSize: number;
  /** Standard deviation of freshly drawn matrices. */
  initializerRange: number;
  /** The tensor of the token embeddings [V,C]. */
  embedding: string;
  /** Where in which block a tensor or module is. */
  blockOf: BlockOf;
  tensors: readonly NamedShape[];
  linearLayers: readonly LinearLayer[];
  build(context: CausalLmContext): CausalLmOutputs;
}

/** The token embeddings [V,C]. */
export function embeddingTensor({ tensors, embedding }: CausalLm): NamedShape {
  const found = tensors.find(({ name }) => name === embedding);
  if (!found) throw new Error("internal: no embeddings");
  return found;
}

/** The language head's own [V,C], or the embeddings, which serve where it has none. */
export function headTensor(architecture: CausalLm): NamedShape {
  const { tensors, linearLayers } = architecture;
  const path = linearLayers.find(({ isHead }) => isHead)?.path;
  return tensors.find(({ name }) => name === `${path}.weight`) ?? embeddingTensor(architecture);
}
