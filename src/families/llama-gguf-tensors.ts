/** The tensors of a Llama checkpoint in a .gguf, and which of them have their rows in another order there. */
import { InputError } from "../util/errors.ts";
import type { CheckpointTensor } from "../gguf/gguf-family.ts";
import type { GgufHeader } from "../gguf/header.ts";
import { llamaFamily } from "./llama.ts";

/** Keeps the frequency factors of Llama 3's rotary scaling; it becomes part of config.json. */
export const ROPE_FACTORS = "rope_freqs.weight";

export const ATTENTION_LINEARS = ["attn_q", "attn_k", "attn_v", "attn_output"] as const;
export const MLP_LINEARS = ["ffn_gate", "ffn_up", "ffn_down"] as const;

/** @throws InputError naming a tensor that a Llama does not have */
export function checkpointTensors(
  { file, tensors }: GgufHeader,
  { heads, keyValueHeads }: { heads: number; keyValueHeads: number },
): CheckpointTensor[] {
  return [...tensors.values()]
    .filter(({ name }) => name !== ROPE_FACTORS)
    .map((source) => {
      const name = llamaFamily.gguf?.checkpointName(source.name);
      if (name === undefined) {
        throw new InputError(
          `${file}: tensor ${source.name} is not part of a Llama; this variant is not supported`,
        );
      }
      const part = source.name.split(".")[2];
      const interleavedHeads =
        part === "attn_q" ? heads : part === "attn_k" ? keyValueHeads : undefined;
      return { name, source, interleavedHeads };
    });
}
