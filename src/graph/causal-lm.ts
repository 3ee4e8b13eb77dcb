/**
 * What every causal language model's graph looks like from outside, so that objectives, adapters
 * and decoding know no model. Symbols: B rows, T new tokens each, S = past + T keys, P past tokens,
 * R rows of hidden states that reach the head, M = 1 or B masks.
 */
import type { GraphBuilder } from "./builder.ts";
import type { Shape } from "./dim.ts";
import type { Value } from "./graph.ts";

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

/** Adds an adapter's part to a linear layer's result. x [N,in], base [N,out] → [N,out]. */
export type LinearHook = (b: GraphBuilder, layer: { path: string; x: Value; base: Value }) => Value;

export interface CausalLmInputs {
  /** Token ids [B*T] int64, row after row. */
  ids: Value;
  /** [B,T] int64. */
  positions: Value;
  /** [M,1,T,S], 0 where a query may look and a large negative number where not. */
  mask: Value;
  /** Which of the B*T hidden states reach the head: indices [R] int64. */
  rows: Value;
  /** Per layer the keys and values of earlier tokens, each [B,K,P,D]; left out while training. */
  past?: readonly { key: Value; value: Value }[];
}

export interface CausalLmOutputs {
  /** [R,V]. */
  logits: Value;
  /** Per layer keys and values of all S tokens, [B,K,S,D]. */
  present: readonly { key: Value; value: Value }[];
}

export interface CausalLmContext {
  b: GraphBuilder;
  inputs: CausalLmInputs;
  /** Longest position + 1 that will be fed. */
  maxPositions: number;
  /** The named tensor in whatever type it is stored. */
  tensor: (name: string, shape: Shape) => Value;
  /** Wraps each linear layer; the identity when there is no adapter. */
  adapt: LinearHook;
}

/** One architecture, bound to one config. */
export interface CausalLm {
  vocabSize: number;
  maxPositions: number;
  layers: number;
  /** Shape of one layer's keys (and values) for `past` symbols: [B,K,P,D]. */
  keyValueHeads: number;
  headSize: number;
  /** Standard deviation of freshly drawn matrices. */
  initializerRange: number;
  tensors: readonly NamedShape[];
  linearLayers: readonly LinearLayer[];
  build(context: CausalLmContext): CausalLmOutputs;
}
