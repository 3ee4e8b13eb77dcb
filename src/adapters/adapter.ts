/** What a method adds to a frozen base: one entry per kind, so that whoever builds graphs knows no method. */
import type { GraphBuilder } from "../graph/builder.ts";
import type { EmbeddingHook, LinearHook, NamedShape } from "../graph/causal-lm.ts";
import type { Value } from "../graph/graph.ts";
import { type Ia3Adapter, ia3Hook, ia3Tensors } from "./ia3.ts";
import { type LoraAdapter, loraEmbedded, loraHook, loraTensors } from "./lora.ts";
import { type ReftAdapter, type ReftEnd, reftEdit, reftTensors } from "./reft.ts";
import {
  type PrefixTuningAdapter,
  type PromptTuningAdapter,
  prefixKeysValues,
  prefixTensors,
  promptEmbedded,
  promptTensors,
} from "./virtual-tokens.ts";
import { largest } from "../util/largest.ts";

export type Adapter =
  | LoraAdapter
  | Ia3Adapter
  | PromptTuningAdapter
  | PrefixTuningAdapter
  | ReftAdapter;

export interface AdapterContext {
  b: GraphBuilder;
  /** A live tensor of the adapter, by its name in the adapter's file. */
  tensor: (name: string) => Value;
  /** What such a tensor was when training began. */
  start: (name: string) => Value;
  /** Mask for the input of the site with this number; undefined where nothing is dropped. */
  dropoutMask?: ((site: number, like: Value) => Value) | undefined;
  /** Where the virtual tokens stand; for adapters that have some. */
  virtual: () => VirtualInputs;
  /** Flat indices of the prompts' tokens that interventions on an end edit. */
  promptTokens: (end: ReftEnd) => Value;
}

export interface VirtualInputs {
  /** 1 for a virtual token, 0 for one of the row's own; [N,1]. */
  isVirtual: Value;
  /** The other way round. */
  isReal: Value;
  /** Which of the virtual tokens it is, [N] int64; 0 for the row's own. */
  slots: Value;
}

/** Left out: as without the adapter. */
export interface AdapterHooks {
  linear?: LinearHook;
  embedded?: EmbeddingHook;
  /** Rotated keys and values of a layer, [N,K·D] each. */
  keysValues?: (layer: number, heads: { k: Value; v: Value }) => { k: Value; v: Value };
  /** The residual stream after a block [N,C] → [N,C]; undefined for blocks left alone. */
  edit?: (layer: number) => ((x: Value) => Value) | undefined;
}

interface AdapterRule<A> {
  /** Names and shapes in the adapter's file, in the order in which the forward pass meets them. */
  tensors: (adapter: A) => NamedShape[];
  hooks: (adapter: A, context: AdapterContext) => AdapterHooks;
}

const RULES: { readonly [T in Adapter["type"]]: AdapterRule<Extract<Adapter, { type: T }>> } = {
  lora: {
    tensors: loraTensors,
    hooks: (adapter, { b, tensor, start, dropoutMask }) => ({
      linear: loraHook(adapter, { tensor, start, dropoutMask }),
      ...(adapter.embedding
        ? { embedded: loraEmbedded(adapter.embedding, { ...adapter, b, tensor }) }
        : {}),
    }),
  },
  ia3: {
    tensors: ia3Tensors,
    hooks: (adapter, { tensor }) => ({ linear: ia3Hook(adapter, tensor) }),
  },
  "prompt-tuning": {
    tensors: promptTensors,
    hooks: (_, context) => ({ embedded: promptEmbedded(context) }),
  },
  "prefix-tuning": {
    tensors: prefixTensors,
    hooks: (adapter, context) => ({ keysValues: prefixKeysValues(adapter, context) }),
  },
  reft: {
    tensors: reftTensors,
    hooks: (adapter, { b, tensor, promptTokens: tokens, dropoutMask }) => ({
      edit: reftEdit(adapter, { b, tensor, tokens, dropoutMask }),
    }),
  },
};

function ruleOf<A extends Adapter>(adapter: A): AdapterRule<A> {
  return RULES[adapter.type] as unknown as AdapterRule<A>;
}

export function adapterTensors(adapter: Adapter): NamedShape[] {
  return ruleOf(adapter).tensors(adapter);
}

export function adapterHooks(adapter: Adapter, context: AdapterContext): AdapterHooks {
  return ruleOf(adapter).hooks(adapter, context);
}

/** What dropout falls on while training; none where the rate is 0. */
export function dropoutOf(
  adapter: Adapter | undefined,
): { rate: number; sites: number; width: number } | undefined {
  if (!adapter || !("dropout" in adapter) || adapter.dropout === 0) return undefined;
  const { dropout: rate } = adapter;
  if (adapter.type === "reft") {
    return { rate, sites: adapter.interventions.length, width: adapter.width };
  }
  const width = largest(
    adapter.sites.map(({ layer }) => layer.inFeatures),
    0,
  );
  return { rate, sites: adapter.sites.length, width };
}

/** Tokens that the adapter puts in front of every row. */
export function virtualTokens(adapter: Adapter | undefined): number {
  return adapter && "tokens" in adapter ? adapter.tokens : 0;
}
