/** Where the tensors of a Llama checkpoint are in a .gguf, and how their rows are ordered there. */
import { InputError } from "../util/errors.ts";
import type { GgufHeader, GgufTensor } from "./header.ts";

/** Keeps the frequency factors of Llama 3's rotary scaling; it becomes part of config.json. */
export const ROPE_FACTORS = "rope_freqs.weight";

const OUTSIDE: Readonly<Record<string, string>> = {
  "token_embd.weight": "model.embed_tokens.weight",
  "output_norm.weight": "model.norm.weight",
  "output.weight": "lm_head.weight",
};

const IN_BLOCK: Readonly<Record<string, string>> = {
  attn_norm: "input_layernorm",
  attn_q: "self_attn.q_proj",
  attn_k: "self_attn.k_proj",
  attn_v: "self_attn.v_proj",
  attn_output: "self_attn.o_proj",
  ffn_norm: "post_attention_layernorm",
  ffn_gate: "mlp.gate_proj",
  ffn_up: "mlp.up_proj",
  ffn_down: "mlp.down_proj",
};

export const ATTENTION_LINEARS = ["attn_q", "attn_k", "attn_v", "attn_output"] as const;
export const MLP_LINEARS = ["ffn_gate", "ffn_up", "ffn_down"] as const;

/** transformers' name of a GGUF tensor; undefined for one that no Llama has. */
function checkpointName(name: string): string | undefined {
  const block = /^blk\.(\d+)\.([a-z_]+)\.(weight|bias)$/u.exec(name);
  if (!block) return OUTSIDE[name];
  const [, layer, part = "", kind] = block;
  const inside = IN_BLOCK[part];
  return inside && `model.layers.${layer}.${inside}.${kind}`;
}

export interface CheckpointTensor {
  /** transformers' name. */
  name: string;
  source: GgufTensor;
  /** For q and k: the number of heads whose rows llama.cpp has interleaved. */
  interleavedHeads: number | undefined;
}

/** @throws InputError naming a tensor that a Llama does not have */
export function checkpointTensors(
  { file, tensors }: GgufHeader,
  { heads, keyValueHeads }: { heads: number; keyValueHeads: number },
): CheckpointTensor[] {
  return [...tensors.values()]
    .filter(({ name }) => name !== ROPE_FACTORS)
    .map((source) => {
      const name = checkpointName(source.name);
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

/**
 * llama.cpp rotates neighbouring rows, transformers the first half of a head with its second; its
 * converter reorders the rows of q and k for that. This puts them back: row p + s·D/2 of a head
 * from row 2p + s, s = 0, 1. Rows hold whole blocks, so they move while still quantised.
 */
export function restoreHalves(bytes: Uint8Array, rows: number, heads: number): Uint8Array {
  const rowBytes = bytes.length / rows;
  const half = rows / heads / 2;
  const out = new Uint8Array(bytes.length);
  for (let row = 0; row < rows; row++) {
    const head = Math.floor(row / (2 * half));
    const within = row % (2 * half);
    const from = head * 2 * half + 2 * (within % half) + Math.floor(within / half);
    out.set(bytes.subarray(from * rowBytes, (from + 1) * rowBytes), row * rowBytes);
  }
  return out;
}
