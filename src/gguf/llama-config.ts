/** config.json of a .gguf whose `general.architecture` is llama, from its metadata and tensors. */
import { checkIsNoAdapter } from "./adapter.ts";
import { InputError } from "../util/errors.ts";
import type { GgufHeader } from "./header.ts";
import { ATTENTION_LINEARS, MLP_LINEARS } from "./llama-tensors.ts";
import {
  number,
  numberOfAllLayers,
  optionalFlag,
  optionalNumber,
  optionalText,
  shortestDecimal,
} from "./metadata.ts";
import { ropeScaling } from "./rope-scaling.ts";

const ARCHITECTURE = "general.architecture";
const SUPPORTED = "llama";

/** What transformers writes for a Llama, its spelling kept. */
export interface LlamaConfigJson {
  architectures: ["LlamaForCausalLM"];
  model_type: "llama";
  vocab_size: number;
  hidden_size: number;
  intermediate_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  num_key_value_heads: number;
  head_dim: number;
  hidden_act: "silu";
  max_position_embeddings: number;
  rms_norm_eps: number;
  rope_theta: number;
  rope_scaling: Readonly<Record<string, number | string>> | null;
  tie_word_embeddings: boolean;
  attention_bias: boolean;
  mlp_bias: boolean;
  bos_token_id?: number;
  eos_token_id?: number;
  pad_token_id?: number;
}

/** @throws InputError for a file that holds something else than a Llama with its weights */
export function checkIsLlama(header: GgufHeader): void {
  const { file } = header;
  checkIsNoAdapter(header);
  const type = optionalText(header, "general.type") ?? "model";
  if (type !== "model") {
    throw new InputError(`${file}: general.type is "${type}", expected "model"`);
  }
  const architecture = optionalText(header, ARCHITECTURE);
  if (architecture !== SUPPORTED) {
    throw new InputError(
      `${file}: ${ARCHITECTURE} ${architecture === undefined ? "is missing" : `"${architecture}" is not supported`}; supported: ${SUPPORTED} (Llama, SmolLM, TinyLlama, Mistral)`,
    );
  }
  const parts = optionalNumber(header, "split.count") ?? 0;
  if (parts > 1) {
    throw new InputError(
      `${file}: is one of ${parts} parts (split.count); join them first: llama-gguf-split --merge`,
    );
  }
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

/** @throws InputError naming the key or tensor that is missing, wrong or not supported */
export async function llamaConfig(header: GgufHeader): Promise<LlamaConfigJson> {
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
    vocab_size: embeddings.shape[0]!,
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
