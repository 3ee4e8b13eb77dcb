import { InputError } from "../util/errors.ts";
import type { LlamaConfigJson } from "./llama-config-json.ts";
import type { CheckpointTensor } from "../gguf/gguf-family.ts";

/** By the end of transformers' name: [rows, columns] of a linear layer's weight. */
function linearShapes(config: LlamaConfigJson): Readonly<Record<string, [number, number]>> {
  const { hidden_size: hidden, intermediate_size: intermediate, head_dim: size } = config;
  const queries = config.num_attention_heads * size;
  const keys = config.num_key_value_heads * size;
  return {
    "self_attn.q_proj": [queries, hidden],
    "self_attn.k_proj": [keys, hidden],
    "self_attn.v_proj": [keys, hidden],
    "self_attn.o_proj": [hidden, queries],
    "mlp.gate_proj": [intermediate, hidden],
    "mlp.up_proj": [intermediate, hidden],
    "mlp.down_proj": [hidden, intermediate],
  };
}

function expectedShapes(config: LlamaConfigJson): Map<string, readonly number[]> {
  const { hidden_size: hidden, vocab_size: vocabulary } = config;
  const shapes = new Map<string, readonly number[]>([
    ["model.embed_tokens.weight", [vocabulary, hidden]],
    ["model.norm.weight", [hidden]],
    ...(config.tie_word_embeddings ? [] : [["lm_head.weight", [vocabulary, hidden]] as const]),
  ]);
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const prefix = `model.layers.${layer}`;
    shapes.set(`${prefix}.input_layernorm.weight`, [hidden]);
    shapes.set(`${prefix}.post_attention_layernorm.weight`, [hidden]);
    for (const [name, shape] of Object.entries(linearShapes(config))) {
      shapes.set(`${prefix}.${name}.weight`, shape);
    }
  }
  return shapes;
}

/** @throws InputError naming a tensor that the metadata calls for and is missing, has another shape, or is not called for */
export function checkTensors(
  file: string,
  tensors: readonly CheckpointTensor[],
  config: LlamaConfigJson,
): void {
  // A layer has nine tensors: more layers than tensors are not worth being listed.
  if (config.num_hidden_layers > tensors.length) {
    throw new InputError(
      `${file}: metadata llama.block_count is ${config.num_hidden_layers}, but the file has ${tensors.length} tensors`,
    );
  }
  const expected = expectedShapes(config);
  const present = new Set(tensors.map(({ name }) => name));
  for (const { name, source } of tensors) {
    if (source.shape.length === 1 && source.type.blockElements > 1) {
      throw new InputError(
        `${file}: tensor ${source.name} is one row of ${source.type.name}; norms and biases are expected unquantised`,
      );
    }
    const weight = expected.get(name.replace(/bias$/u, "weight"));
    const shape = name.endsWith("bias") ? weight?.slice(0, 1) : weight;
    if (shape?.join() !== source.shape.join()) {
      throw new InputError(
        `${file}: tensor ${source.name} is [${source.shape.join(", ")}], but the metadata calls for ${shape ? `[${shape.join(", ")}]` : "no such tensor"}`,
      );
    }
  }
  for (const [name, shape] of expected) {
    if (!present.has(name)) {
      throw new InputError(
        `${file}: the tensor for ${name} [${shape.join(", ")}] is missing; the file is not whole`,
      );
    }
  }
}
