/** Llama's names of tensors, as transformers and as llama.cpp write them, which other families keep. */
import { type Family, type FamilyTable, describeFamily } from "./family.ts";

const OUTSIDE = new Map(
  Object.entries({
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
  }),
);

const IN_BLOCK = {
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

/** Norms over each head by itself. */
const HEAD_NORMS = { attn_q_norm: "self_attn.q_norm", attn_k_norm: "self_attn.k_norm" };

const ATTENTION = { role: "linear", part: "attention" } as const;
const FEED_FORWARD = { role: "linear", part: "feed-forward" } as const;
const NORM = { role: "norm", part: "norms" } as const;

interface LlamaLike extends Pick<FamilyTable, "name" | "causalLm"> {
  /** `general.architecture`; left out: another family's files are of this one too. */
  architecture?: string;
  /** Whether queries and keys are normed head by head. */
  normsHeads?: boolean;
}

export function describeLlamaLike({ name, causalLm, architecture, ...form }: LlamaLike): Family {
  const { normsHeads = false } = form;
  const inBlock = new Map(Object.entries({ ...IN_BLOCK, ...(normsHeads && HEAD_NORMS) }));
  const headNorms = Object.values(HEAD_NORMS).map((module) => [module, NORM] as const);
  return describeFamily({
    name,
    causalLm,
    body: "model",
    before: { "model.embed_tokens": "embedding" },
    blocks: "model.layers",
    inBlock: {
      input_layernorm: NORM,
      "self_attn.q_proj": ATTENTION,
      "self_attn.k_proj": ATTENTION,
      "self_attn.v_proj": ATTENTION,
      "self_attn.o_proj": ATTENTION,
      ...(normsHeads && Object.fromEntries(headNorms)),
      post_attention_layernorm: NORM,
      "mlp.gate_proj": FEED_FORWARD,
      "mlp.up_proj": FEED_FORWARD,
      "mlp.down_proj": FEED_FORWARD,
    },
    after: { "model.norm": "norm", lm_head: "head" },
    ...(architecture !== undefined && {
      gguf: { architecture, checkpointName: (stored) => checkpointName(inBlock, stored) },
    }),
  });
}

function checkpointName(inBlock: ReadonlyMap<string, string>, stored: string): string | undefined {
  const block = /^blk\.(\d+)\.([a-z_]+)\.(weight|bias)$/u.exec(stored);
  if (!block) return OUTSIDE.get(stored);
  const [, layer, part = "", kind] = block;
  const inside = inBlock.get(part);
  return inside && `model.layers.${layer}.${inside}.${kind}`;
}
