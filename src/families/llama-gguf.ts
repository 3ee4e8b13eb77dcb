/** config.json of a .gguf whose `general.architecture` is llama, from its metadata and tensors. */
import { InputError } from "../util/errors.ts";
import type { GgufHeader } from "../gguf/header.ts";
import { llamaFamily } from "./llama.ts";
import type { LlamaConfigJson } from "./llama-config-json.ts";
import { checkTensors } from "./llama-gguf-shapes.ts";
import type { CheckpointTensor, GgufCheckpoint, GgufFamily } from "../gguf/gguf-family.ts";
import { ATTENTION_LINEARS, MLP_LINEARS, checkpointTensors } from "./llama-gguf-tensors.ts";
import {
  number,
  numberOfAllLayers,
  optionalFlag,
  optionalNumber,
  shortestDecimal,
} from "../gguf/metadata.ts";
import { ropeScaling } from "./llama-gguf-rope.ts";

export const llamaGguf: GgufFamily = {
  name: "llama",
  examples: "Llama, SmolLM, TinyLlama, Mistral",
  open: async (header) => {
    checkVariant(header);
    const config = await llamaConfig(header);
    return { config, checkpoint: () => checkpointOf(header, config) };
  },
};

/** @throws InputError for what no Llama has */
function checkVariant(header: GgufHeader): void {
  const { file } = header;
  if ((optionalNumber(header, "llama.expert_count") ?? 0) > 0) {
    throw new InputError(`${file}: is a mixture of experts (llama.expert_count); not supported`);
  }
  if (optionalFlag(header, "llama.attention.causal") === false) {
    throw new InputError(`${file}: is an encoder (llama.attention.causal is false); not supported`);
  }
  for (const key of ["embedding_scale", "residual_scale", "logit_scale", "attention.scale"]) {
    if (header.metadata.has(`llama.${key}`)) {
      throw new InputError(`${file}: metadata llama.${key} is not supported`);
    }
  }
}

function checkpointOf(header: GgufHeader, config: LlamaConfigJson): GgufCheckpoint {
  const heads = {
    heads: config.num_attention_heads,
    keyValueHeads: config.num_key_value_heads,
  };
  const tensors = checkpointTensors(header, heads);
  checkTensors(header.file, tensors, config);
  return { tensors, zeros: missingBiases(tensors, config) };
}

/** A Llama's attention and feed-forward have all their biases or none: those that a file leaves out are zero. */
function missingBiases(
  present: readonly CheckpointTensor[],
  config: LlamaConfigJson,
): GgufCheckpoint["zeros"] {
  const names = new Set(present.map(({ name }) => name));
  return present.flatMap(({ name, source }) => {
    const { role, part } = llamaFamily.facts(name);
    const isBiased = part === "attention" ? config.attention_bias : config.mlp_bias;
    const bias = name.replace(/weight$/u, "bias");
    return role === "linear" && isBiased && !names.has(bias)
      ? [{ name: bias, dtype: "F32" as const, shape: [source.shape[0] ?? 0] }]
      : [];
  });
}

/** @throws InputError naming the key or tensor that is missing, wrong or not supported */
async function llamaConfig(header: GgufHeader): Promise<LlamaConfigJson> {
  const { file, tensors } = header;
  const embeddings = tensors.get("token_embd.weight");
  if (!embeddings) throw new InputError(`${file}: tensor token_embd.weight is missing`);
  const heads = numberOfAllLayers(header, "llama.attention.head_count");
  if (heads === undefined) {
    throw new InputError(`${file}: metadata llama.attention.head_count is missing`);
  }
  const intermediate = numberOfAllLayers(header, "llama.feed_forward_length");
  if (intermediate === undefined) {
    throw new InputError(`${file}: metadata llama.feed_forward_length is missing`);
  }
  const hidden = number(header, "llama.embedding_length");
  const headSize = headSizeOf(header, hidden / heads);
  const theta = shortestDecimal(optionalNumber(header, "llama.rope.freq_base") ?? 10_000);
  const maxPositions = number(header, "llama.context_length");
  return {
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    vocab_size: embeddings.shape[0] ?? 0,
    hidden_size: hidden,
    intermediate_size: intermediate,
    num_hidden_layers: number(header, "llama.block_count"),
    num_attention_heads: heads,
    num_key_value_heads: numberOfAllLayers(header, "llama.attention.head_count_kv") ?? heads,
    head_dim: headSize,
    hidden_act: "silu",
    max_position_embeddings: maxPositions,
    rms_norm_eps: shortestDecimal(number(header, "llama.attention.layer_norm_rms_epsilon")),
    rope_theta: theta,
    rope_scaling: await ropeScaling(header, { theta, headSize, maxPositions }),
    tie_word_embeddings: !tensors.has("output.weight"),
    attention_bias: hasBias(header, ATTENTION_LINEARS),
    mlp_bias: hasBias(header, MLP_LINEARS),
    ...tokenIds(header),
  };
}

function headSizeOf(header: GgufHeader, share: number): number {
  const { file } = header;
  const size = optionalNumber(header, "llama.attention.key_length") ?? share;
  if (!Number.isInteger(size) || size % 2 !== 0) {
    throw new InputError(
      `${file}: head size ${size} (llama.attention.key_length, or embedding_length / head_count) must be an even whole number`,
    );
  }
  for (const key of ["llama.attention.value_length", "llama.rope.dimension_count"]) {
    const other = optionalNumber(header, key) ?? size;
    if (other !== size) {
      throw new InputError(
        `${file}: ${key} ${other} differs from the head size ${size}; not supported`,
      );
    }
  }
  return size;
}

function hasBias({ tensors }: GgufHeader, parts: readonly string[]): boolean {
  return parts.some((part) => tensors.has(`blk.0.${part}.bias`));
}

function tokenIds(
  header: GgufHeader,
): Pick<LlamaConfigJson, "bos_token_id" | "eos_token_id" | "pad_token_id"> {
  const bos = optionalNumber(header, "tokenizer.ggml.bos_token_id");
  const eos = optionalNumber(header, "tokenizer.ggml.eos_token_id");
  const pad = optionalNumber(header, "tokenizer.ggml.padding_token_id");
  return {
    ...(bos !== undefined && { bos_token_id: bos }),
    ...(eos !== undefined && { eos_token_id: eos }),
    ...(pad !== undefined && { pad_token_id: pad }),
  };
}
