/**
 * Llama's body, which other families keep with an option changed: pre-norm blocks of grouped-query attention with
 * rotary positions and a SwiGLU feed-forward, under Llama's names.
 */
import type { CausalLm } from "../../graph/causal-lm.ts";
import type { Family } from "../../families/family.ts";
import { attention, rotary } from "./attention.ts";
import { decoder } from "./decoder.ts";
import type { DecoderConfig } from "./decoder-config.ts";
import type { DecoderLayout } from "./decoder-layout.ts";
import { swiGlu } from "./feed-forward.ts";
import { blockNorm, rmsNorm } from "./norms.ts";

const ATTENTION = {
  query: "self_attn.q_proj",
  key: "self_attn.k_proj",
  value: "self_attn.v_proj",
  output: "self_attn.o_proj",
} as const;
const FEED_FORWARD = { gate: "mlp.gate_proj", up: "mlp.up_proj", down: "mlp.down_proj" } as const;
const BEFORE_ATTENTION = "input_layernorm.weight";
const BEFORE_FEED_FORWARD = "post_attention_layernorm.weight";
const HEAD_NORMS = { query: "self_attn.q_norm.weight", key: "self_attn.k_norm.weight" } as const;

export interface LlamaLike {
  family: Family;
  config: DecoderConfig;
  /** Which linear layers have a bias. */
  biases: { queryKeyValue: boolean; output: boolean; feedForward: boolean };
  /** Whether queries and keys are normed head by head; left out: they aren't. */
  normsHeads?: boolean;
}

export function llamaLike(model: LlamaLike): CausalLm {
  const { family, config, normsHeads = false } = model;
  const { headSize, rope, hiddenSize, normEpsilon: epsilon } = config;
  const norm = rmsNorm({ width: hiddenSize, epsilon });
  const headNorms = normsHeads
    ? { ...HEAD_NORMS, norm: rmsNorm({ width: headSize, epsilon }) }
    : undefined;
  return decoder({
    family,
    config,
    layout: layoutOf(model),
    norm,
    blocks: (context) => {
      const form = { ...ATTENTION, headSize, headNorms, rotate: rotary(context, rope) };
      return {
        attention: (block, x) =>
          context.b.add(
            x,
            attention(block, blockNorm(block, x, { norm, name: BEFORE_ATTENTION }), form),
          ),
        feedForward: (block, x) =>
          context.b.add(
            x,
            swiGlu(block, blockNorm(block, x, { norm, name: BEFORE_FEED_FORWARD }), FEED_FORWARD),
          ),
      };
    },
  });
}

function layoutOf({ config, biases, normsHeads }: LlamaLike): DecoderLayout {
  const { hiddenSize, intermediateSize, heads, keyValueHeads, headSize } = config;
  const linear = (inFeatures: number, outFeatures: number, hasBias: boolean) => ({
    inFeatures,
    outFeatures,
    hasBias,
  });
  const { queryKeyValue, output, feedForward } = biases;
  return {
    vocabSize: config.vocabSize,
    hiddenSize,
    layers: config.layers,
    tiedEmbeddings: config.tiedEmbeddings,
    embedding: "model.embed_tokens.weight",
    finalNorm: "model.norm.weight",
    head: "lm_head",
    blocks: "model.layers",
    norms: {
      [BEFORE_ATTENTION]: hiddenSize,
      [BEFORE_FEED_FORWARD]: hiddenSize,
      ...(normsHeads && { [HEAD_NORMS.query]: headSize, [HEAD_NORMS.key]: headSize }),
    },
    linears: {
      [ATTENTION.query]: linear(hiddenSize, heads * headSize, queryKeyValue),
      [ATTENTION.key]: linear(hiddenSize, keyValueHeads * headSize, queryKeyValue),
      [ATTENTION.value]: linear(hiddenSize, keyValueHeads * headSize, queryKeyValue),
      [ATTENTION.output]: linear(heads * headSize, hiddenSize, output),
      [FEED_FORWARD.gate]: linear(hiddenSize, intermediateSize, feedForward),
      [FEED_FORWARD.up]: linear(hiddenSize, intermediateSize, feedForward),
      [FEED_FORWARD.down]: linear(intermediateSize, hiddenSize, feedForward),
    },
  };
}
