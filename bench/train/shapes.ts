/** The Llama shapes that are measured. Their weights are random: time and memory do not depend on them. */
export interface LlamaShape {
  hidden: number;
  intermediate: number;
  layers: number;
  heads: number;
  keyValueHeads: number;
  vocabulary: number;
  /** The head is the embedding. */
  tied: boolean;
}

export const SHAPES = {
  /** SmolLM2-135M */
  "135M": {
    hidden: 576,
    intermediate: 1536,
    layers: 30,
    heads: 9,
    keyValueHeads: 3,
    vocabulary: 49152,
    tied: true,
  },
  /** SmolLM2-360M */
  "360M": {
    hidden: 960,
    intermediate: 2560,
    layers: 32,
    heads: 15,
    keyValueHeads: 5,
    vocabulary: 49152,
    tied: true,
  },
  /** Qwen2.5-0.5B's sizes, as a Llama */
  "0.5B": {
    hidden: 896,
    intermediate: 4864,
    layers: 24,
    heads: 14,
    keyValueHeads: 2,
    vocabulary: 151936,
    tied: true,
  },
  /** TinyLlama-1.1B */
  "1.1B": {
    hidden: 2048,
    intermediate: 5632,
    layers: 22,
    heads: 32,
    keyValueHeads: 4,
    vocabulary: 32000,
    tied: false,
  },
} as const satisfies Record<string, LlamaShape>;

export function headSize({ hidden, heads }: LlamaShape): number {
  return hidden / heads;
}

/** [in, out] of a decoder layer's linears: q, k, v, o, gate, up, down. */
export function layerLinears(shape: LlamaShape): readonly (readonly [number, number])[] {
  const { hidden, intermediate, keyValueHeads } = shape;
  const keyValueWidth = keyValueHeads * headSize(shape);
  return [
    [hidden, hidden],
    [hidden, keyValueWidth],
    [hidden, keyValueWidth],
    [hidden, hidden],
    [hidden, intermediate],
    [hidden, intermediate],
    [intermediate, hidden],
  ];
}

/** name → shape, as transformers saves a LlamaForCausalLM. */
export function tensorShapes(shape: LlamaShape): ReadonlyMap<string, readonly number[]> {
  const { hidden, layers, vocabulary, tied } = shape;
  const shapes = new Map<string, readonly number[]>([
    ["model.embed_tokens.weight", [vocabulary, hidden]],
  ]);
  const names = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];
  for (let layer = 0; layer < layers; layer++) {
    const at = `model.layers.${layer}`;
    shapes.set(`${at}.input_layernorm.weight`, [hidden]);
    shapes.set(`${at}.post_attention_layernorm.weight`, [hidden]);
    layerLinears(shape).forEach(([inFeatures, outFeatures], index) => {
      const block = index < 4 ? "self_attn" : "mlp";
      shapes.set(`${at}.${block}.${names[index]}.weight`, [outFeatures, inFeatures]);
    });
  }
  shapes.set("model.norm.weight", [hidden]);
  if (!tied) shapes.set("lm_head.weight", [vocabulary, hidden]);
  return shapes;
}

export function parameterCount(shape: LlamaShape): number {
  let count = 0;
  for (const dims of tensorShapes(shape).values()) count += dims.reduce((a, b) => a * b, 1);
  return count;
}
