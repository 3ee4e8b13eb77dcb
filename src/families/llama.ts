/** Llama's tensors, as transformers and as llama.cpp name them. */
import { describeFamily } from "./family.ts";

const OUTSIDE = new Map(
  Object.entries({
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
  }),
);

const IN_BLOCK = new Map(
  Object.entries({
    attn_norm: "input_layernorm",
    attn_q: "self_attn.q_proj",
    attn_k: "self_attn.k_proj",
    attn_v: "self_attn.v_proj",
    attn_output: "self_attn.o_proj",
    ffn_norm: "post_attention_layernorm",
    ffn_gate: "mlp.gate_proj",
    ffn_up: "mlp.up_proj",
    ffn_down: "mlp.down_proj",
  }),
);

const ATTENTION = { role: "linear", part: "attention" } as const;
const FEED_FORWARD = { role: "linear", part: "feed-forward" } as const;
const NORM = { role: "norm", part: "norms" } as const;

export const llamaFamily = describeFamily({
  name: "llama",
  causalLm: "LlamaForCausalLM",
  body: "model",
  before: { "model.embed_tokens": "embedding" },
  blocks: "model.layers",
  inBlock: {
    input_layernorm: NORM,
    "self_attn.q_proj": ATTENTION,
    "self_attn.k_proj": ATTENTION,
    "self_attn.v_proj": ATTENTION,
    "self_attn.o_proj": ATTENTION,
    post_attention_layernorm: NORM,
    "mlp.gate_proj": FEED_FORWARD,
    "mlp.up_proj": FEED_FORWARD,
    "mlp.down_proj": FEED_FORWARD,
  },
  after: { "model.norm": "norm", lm_head: "head" },
  gguf: {
    architecture: "llama",
    checkpointName: (stored) => {
      const block = /^blk\.(\d+)\.([a-z_]+)\.(weight|bias)$/u.exec(stored);
      if (!block) return OUTSIDE.get(stored);
      const [, layer, part = "", kind] = block;
      const inside = IN_BLOCK.get(part);
      return inside && `model.layers.${layer}.${inside}.${kind}`;
    },
  },
});
