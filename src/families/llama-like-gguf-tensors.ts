/** The tensors of a Llama-like checkpoint in a .gguf, and which of them have their rows in another order there. */
import { InputError } from "../util/errors.ts";
import type { CheckpointTensor } from "../gguf/gguf-family.ts";
import type { GgufHeader } from "../gguf/header.ts";
import type { Family } from "./family.ts";
import type { LlamaLikeConfigJson } from "./llama-like-config-json.ts";

/** Keeps the frequency factors of Llama 3's rotary scaling; it becomes part of config.json. */
export const ROPE_FACTORS = "rope_freqs.weight";

export const QUERY_KEY_VALUE = [
  "self_attn.q_proj",
  "self_attn.k_proj",
  "self_attn.v_proj",
] as const;
export const ATTENTION_LINEARS = [...QUERY_KEY_VALUE, "self_attn.o_proj"] as const;
export const MLP_LINEARS = ["mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"] as const;

/** How the files of an architecture differ from Llama's. */
export interface GgufForm {
  architecture: string;
  family: Family;
  /** Models that say so, for messages. */
  examples: string;
  /** Whether llama.cpp has interleaved the rows of each head of queries and keys. */
  interleavesHeads: boolean;
  normsHeads: boolean;
  /** Linear layers of a block that always have a bias. */
  biases: readonly string[];
  /** Those that have one where config.json says so, by its key. */
  statedBiases: Partial<Record<"attention_bias" | "mlp_bias", readonly string[]>>;
}

/** @throws InputError naming a tensor that the family does not have */
export function checkpointTensors(
  { file, tensors }: GgufHeader,
  config: LlamaLikeConfigJson,
  { architecture, family, interleavesHeads }: GgufForm,
): CheckpointTensor[] {
  const interleaved = new Map(
    Object.entries(
      interleavesHeads
        ? { attn_q: config.num_attention_heads, attn_k: config.num_key_value_heads }
        : {},
    ),
  );
  return [...tensors.values()]
    .filter(({ name }) => name !== ROPE_FACTORS)
    .map((source) => {
      const name = family.gguf?.checkpointName(source.name);
      if (name === undefined) {
        throw new InputError(
          `${file}: tensor ${source.name} is not part of a ${architecture} model; this variant is not supported`,
        );
      }
      const part = source.name.split(".")[2] ?? "";
      return { name, source, interleavedHeads: interleaved.get(part) };
    });
}
