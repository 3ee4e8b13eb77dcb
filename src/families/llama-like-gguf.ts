/** config.json and checkpoint of a .gguf whose model has Llama's body, from its metadata and tensors. */
import { InputError } from "../util/errors.ts";
import type { CheckpointTensor, GgufCheckpoint, GgufFamily } from "../gguf/gguf-family.ts";
import type { GgufHeader } from "../gguf/header.ts";
import {
  number,
  numberOfAllLayers,
  optionalFlag,
  optionalNumber,
  shortestDecimal,
} from "../gguf/metadata.ts";
import type { LlamaLikeConfigJson } from "./llama-like-config-json.ts";
import { ropeScaling } from "./llama-like-gguf-rope.ts";
import { checkTensors } from "./llama-like-gguf-shapes.ts";
import { type GgufForm, checkpointTensors } from "./llama-like-gguf-tensors.ts";

export function llamaLikeGguf(form: GgufForm): GgufFamily {
  const { architecture, examples } = form;
  return {
    name: architecture,
    examples,
    open: async (header) => {
      checkVariant(header, architecture);
      const config = await configOf(header, form);
      return { config, checkpoint: () => checkpointOf(header, config, form) };
    },
  };
}

/** @throws InputError for what no Llama has */
function checkVariant(header: GgufHeader, architecture: string): void {
  const { file } = header;
  if ((optionalNumber(header, `${architecture}.expert_count`) ?? 0) > 0) {
    throw new InputError(
      `${file}: is a mixture of experts (${architecture}.expert_count); not supported`,
    );
  }
  if (optionalFlag(header, `${architecture}.attention.causal`) === false) {
    throw new InputError(
      `${file}: is an encoder (${architecture}.attention.causal is false); not supported`,
    );
  }
  for (const key of ["embedding_scale", "residual_scale", "logit_scale", "attention.scale"]) {
    if (header.metadata.has(`${architecture}.${key}`)) {
      throw new InputError(`${file}: metadata ${architecture}.${key} is not supported`);
    }
  }
}

function checkpointOf(
  header: GgufHeader,
  config: LlamaLikeConfigJson,
  form: GgufForm,
): GgufCheckpoint {
  const tensors = checkpointTensors(header, config, form);
  const statedModules = Object.entries(form.statedBiases).flatMap(([key, modules]) =>
    config[key as keyof GgufForm["statedBiases"]] === true ? modules : [],
  );
  const zeros = missingBiases(tensors, statedModules);
  checkTensors(header.file, tensors, {
    config,
    form,
    biased: [...form.biases, ...statedModules],
    zeros: new Set(zeros.map(({ name }) => name)),
  });
  return { tensors, zeros };
}

/** A key of config.json is for several layers: those that a file leaves out are zero. */
function missingBiases(
  present: readonly CheckpointTensor[],
  modules: readonly string[],
): GgufCheckpoint["zeros"] {
  const names = new Set(present.map(({ name }) => name));
  return present.flatMap(({ name, source }) => {
    const bias = name.replace(/weight$/u, "bias");
    const isMissing = modules.some((module) => name.endsWith(`.${module}.weight`));
    return isMissing && !names.has(bias)
      ? [{ name: bias, dtype: "F32" as const, shape: [source.shape[0] ?? 0] }]
      : [];
  });
}

/** @throws InputError naming the key or tensor that is missing, wrong or not supported */
async function configOf(header: GgufHeader, form: GgufForm): Promise<LlamaLikeConfigJson> {
  const { file, tensors } = header;
  const { architecture, family } = form;
  const embeddings = tensors.get("token_embd.weight");
  if (!embeddings) throw new InputError(`${file}: tensor token_embd.weight is missing`);
  const ofAllLayers = (key: string): number => {
    const value = numberOfAllLayers(header, `${architecture}.${key}`);
    if (value !== undefined) return value;
    throw new InputError(`${file}: metadata ${architecture}.${key} is missing`);
  };
  const heads = ofAllLayers("attention.head_count");
  const hidden = number(header, `${architecture}.embedding_length`);
  const headSize = headSizeOf(header, architecture, hidden / heads);
  const theta = shortestDecimal(optionalNumber(header, `${architecture}.rope.freq_base`) ?? 10_000);
  const maxPositions = number(header, `${architecture}.context_length`);
  const epsilon = number(header, `${architecture}.attention.layer_norm_rms_epsilon`);
  return {
    architectures: [family.causalLm],
    model_type: family.name,
    vocab_size: embeddings.shape[0] ?? 0,
    hidden_size: hidden,
    intermediate_size: ofAllLayers("feed_forward_length"),
    num_hidden_layers: number(header, `${architecture}.block_count`),
    num_attention_heads: heads,
    num_key_value_heads:
      numberOfAllLayers(header, `${architecture}.attention.head_count_kv`) ?? heads,
    head_dim: headSize,
    hidden_act: "silu",
    max_position_embeddings: maxPositions,
    rms_norm_eps: shortestDecimal(epsilon),
    rope_theta: theta,
    rope_scaling: await ropeScaling(header, { architecture, theta, headSize, maxPositions }),
    tie_word_embeddings: !tensors.has("output.weight"),
    ...statedBiases(header, form),
    ...tokenIds(header),
  };
}

function headSizeOf(header: GgufHeader, architecture: string, share: number): number {
  const { file } = header;
  const size = optionalNumber(header, `${architecture}.attention.key_length`) ?? share;
  if (!Number.isInteger(size) || size % 2 !== 0) {
    throw new InputError(
      `${file}: head size ${size} (${architecture}.attention.key_length, or embedding_length / head_count) must be an even whole number`,
    );
  }
  for (const key of ["attention.value_length", "rope.dimension_count"]) {
    const other = optionalNumber(header, `${architecture}.${key}`) ?? size;
    if (other !== size) {
      throw new InputError(
        `${file}: ${architecture}.${key} ${other} differs from the head size ${size}; not supported`,
      );
    }
  }
  return size;
}

/** Whether the first block has any of them. */
function statedBiases(
  { tensors }: GgufHeader,
  { family, statedBiases: keys }: GgufForm,
): GgufBiases {
  const names = new Set([...tensors.keys()].map((name) => family.gguf?.checkpointName(name)));
  const entries = Object.entries(keys).map(([key, modules]) => [
    key,
    modules.some((module) => names.has(`model.layers.0.${module}.bias`)),
  ]);
  return Object.fromEntries(entries) as GgufBiases;
}

type GgufBiases = Partial<Record<keyof GgufForm["statedBiases"], boolean>>;

function tokenIds(
  header: GgufHeader,
): Pick<LlamaLikeConfigJson, "bos_token_id" | "eos_token_id" | "pad_token_id"> {
  const bos = optionalNumber(header, "tokenizer.ggml.bos_token_id");
  const eos = optionalNumber(header, "tokenizer.ggml.eos_token_id");
  const pad = optionalNumber(header, "tokenizer.ggml.padding_token_id");
  return {
    ...(bos !== undefined && { bos_token_id: bos }),
    ...(eos !== undefined && { eos_token_id: eos }),
    ...(pad !== undefined && { pad_token_id: pad }),
  };
}
