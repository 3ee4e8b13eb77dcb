/**
 * Llama (arXiv 2302.13971): pre-norm blocks of grouped-query attention with rotary positions and a
 * SwiGLU feed-forward. Serves Llama 2 and 3, SmolLM, TinyLlama and whatever else says
 * `model_type: llama`. Tensor names are the checkpoint's.
 */
import { llamaFamily } from "../families/llama.ts";
import type { Model } from "./model.ts";
import { attention, rotary } from "./parts/attention.ts";
import { decoder } from "./parts/decoder.ts";
import { type DecoderConfig, parseDecoderConfig } from "./parts/decoder-config.ts";
import type { DecoderLayout } from "./parts/decoder-layout.ts";
import { swiGlu } from "./parts/feed-forward.ts";
import { blockNorm, rmsNorm } from "./parts/norms.ts";

const ATTENTION = {
  query: "self_attn.q_proj",
  key: "self_attn.k_proj",
  value: "self_attn.v_proj",
  output: "self_attn.o_proj",
} as const;
const FEED_FORWARD = { gate: "mlp.gate_proj", up: "mlp.up_proj", down: "mlp.down_proj" } as const;
const BEFORE_ATTENTION = "input_layernorm.weight";
const BEFORE_FEED_FORWARD = "post_attention_layernorm.weight";

export const llama: Model = {
  name: llamaFamily.name,
  open: (json, file) => {
    const config = parseDecoderConfig(json, file);
    const { headSize, rope, hiddenSize, normEpsilon } = config;
    const norm = rmsNorm({ width: hiddenSize, epsilon: normEpsilon });
    return decoder({
      family: llamaFamily,
      config,
      layout: layoutOf(config),
      norm,
      blocks: (context) => {
        const form = { ...ATTENTION, headSize, rotate: rotary(context, rope) };
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
  },
};

function layoutOf(config: DecoderConfig): DecoderLayout {
  const { hiddenSize, intermediateSize, heads, keyValueHeads, headSize } = config;
  const { attentionBias, mlpBias } = config;
  const linear = (inFeatures: number, outFeatures: number, hasBias: boolean) => ({
    inFeatures,
    outFeatures,
    hasBias,
  });
  return {
    vocabSize: config.vocabSize,
    hiddenSize,
    layers: config.layers,
    tiedEmbeddings: config.tiedEmbeddings,
    embedding: "model.embed_tokens.weight",
    finalNorm: "model.norm.weight",
    head: "lm_head",
    blocks: "model.layers",
    norms: [BEFORE_ATTENTION, BEFORE_FEED_FORWARD],
    linears: {
      [ATTENTION.query]: linear(hiddenSize, heads * headSize, attentionBias),
      [ATTENTION.key]: linear(hiddenSize, keyValueHeads * headSize, attentionBias),
      [ATTENTION.value]: linear(hiddenSize, keyValueHeads * headSize, attentionBias),
      [ATTENTION.output]: linear(heads * headSize, hiddenSize, attentionBias),
      [FEED_FORWARD.gate]: linear(hiddenSize, intermediateSize, mlpBias),
      [FEED_FORWARD.up]: linear(hiddenSize, intermediateSize, mlpBias),
      [FEED_FORWARD.down]: linear(intermediateSize, hiddenSize, mlpBias),
    },
  };
}
