import { InputError } from "../util/errors.ts";
import type { LlamaLikeConfigJson } from "./llama-like-config-json.ts";
import type { CheckpointTensor } from "../gguf/gguf-family.ts";
import type { GgufForm } from "./llama-like-gguf-tensors.ts";

interface Expected {
  config: LlamaLikeConfigJson;
  form: GgufForm;
  /** Linear layers of a block that have a bias. */
  biased: readonly string[];
  /** Biases that are written though the file has none. */
  zeros: ReadonlySet<string>;
}

/** By the end of transformers' name: [rows, columns] of a linear layer's weight. */
function linearShapes(config: LlamaLikeConfigJson): Readonly<Record<string, [number, number]>> {
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

function expectedShapes({ config, form, biased }: Expected): Map<string, readonly number[]> {
  const { hidden_size: hidden, vocab_size: vocabulary, head_dim: size } = config;
  const shapes = new Map<string, readonly number[]>([
    ["model.embed_tokens.weight", [vocabulary, hidden]],
    ["model.norm.weight", [hidden]],
    ...(config.tie_word_embeddings ? [] : [["lm_head.weight", [vocabulary, hidden]] as const]),
  ]);
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const prefix = `model.layers.${layer}`;
    shapes.set(`${prefix}.input_layernorm.weight`, [hidden]);
    shapes.set(`${prefix}.post_attention_layernorm.weight`, [hidden]);
    if (form.normsHeads) {
      shapes.set(`${prefix}.self_attn.q_norm.weight`, [size]);
      shapes.set(`${prefix}.self_attn.k_norm.weight`, [size]);
    }
    for (const [name, shape] of Object.entries(linearShapes(config))) {
      shapes.set(`${prefix}.${name}.weight`, shape);
      if (biased.includes(name)) shapes.set(`${prefix}.${name}.bias`, shape.slice(0, 1));
    }
  }
  return shapes;
}

/** @throws InputError naming a tensor that the metadata calls for and is missing, has another shape, or is not called for */
export function checkTensors(
  file: string,
  tensors: readonly CheckpointTensor[],
  wanted: Expected,
): void {
  const { config, form, zeros } = wanted;
  // A layer has nine tensors: more layers than tensors are not worth being listed.
  if (config.num_hidden_layers > tensors.length) {
    throw new InputError(
      `${file}: metadata ${form.architecture}.block_count is ${config.num_hidden_layers}, but the file has ${tensors.length} tensors`,
    );
  }
  const expected = expectedShapes(wanted);
  const present = new Set(tensors.map(({ name }) => name));
  for (const { name, source } of tensors) {
    if (source.shape.length === 1 && source.type.blockElements > 1) {
      throw new InputError(
        `${file}: tensor ${source.name} is one row of ${source.type.name}; norms and biases are expected unquantised`,
      );
    }
    const shape = expected.get(name);
    if (shape?.join() !== source.shape.join()) {
      throw new InputError(
        `${file}: tensor ${source.name} is [${source.shape.join(", ")}], but the metadata calls for ${shape ? `[${shape.join(", ")}]` : "no such tensor"}`,
      );
    }
  }
  for (const [name, shape] of expected) {
    if (!present.has(name) && !zeros.has(name)) {
      throw new InputError(
        `${file}: the tensor for ${name} [${shape.join(", ")}] is missing; the file is not whole`,
      );
    }
  }
}
