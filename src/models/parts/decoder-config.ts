/** The parts of a decoder's `config.json` that decide the computation, as transformers 4 and 5 write them. */
import * as z from "zod";
import { InputError } from "../../util/errors.ts";
import { ropeValues } from "../../tensors/rope-values.ts";
import { ROPE_TYPES, type RopeParameters } from "./rope.ts";

/** No model in use has more; a larger number in a file is a broken or hostile file. */
const MAX_DIMENSION = 2 ** 24;
/** The deepest published has 1,000; each costs memory before a weight is looked at. */
const MAX_LAYERS = 4096;
const size = z.int().min(1).max(MAX_DIMENSION);
const optional = <T extends z.ZodType>(schema: T) => schema.nullish();

const ropeSchema = z.looseObject({
  rope_type: optional(z.string()),
  type: optional(z.string()),
  rope_theta: optional(z.number().positive()),
  factor: optional(z.number().positive()),
  low_freq_factor: optional(z.number().positive()),
  high_freq_factor: optional(z.number().positive()),
  original_max_position_embeddings: optional(size),
  attention_factor: optional(z.number().positive()),
  beta_fast: optional(z.number().positive()),
  beta_slow: optional(z.number().positive()),
  mscale: optional(z.number()),
  mscale_all_dim: optional(z.number()),
  truncate: optional(z.boolean()),
});

type RopeScaling = z.output<typeof ropeSchema>;

const configSchema = z.looseObject({
  model_type: z.string(),
  vocab_size: size,
  hidden_size: size,
  intermediate_size: size,
  num_hidden_layers: size.max(MAX_LAYERS),
  num_attention_heads: size,
  num_key_value_heads: optional(size),
  head_dim: optional(size),
  hidden_act: optional(z.string()),
  max_position_embeddings: size.default(2048),
  initializer_range: z.number().positive().default(0.02),
  rms_norm_eps: z.number().positive().default(1e-6),
  tie_word_embeddings: z.boolean().default(false),
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
  pretraining_tp: optional(z.int()),
  rope_theta: optional(z.number().positive()),
  rope_scaling: optional(ropeSchema),
  rope_parameters: optional(ropeSchema),
});

export interface DecoderConfig {
  vocabSize: number;
  /** C, the width of the residual stream. */
  hiddenSize: number;
  intermediateSize: number;
  layers: number;
  /** H query heads of D = headSize each. */
  heads: number;
  /** K key-value heads; H / K queries share one. */
  keyValueHeads: number;
  headSize: number;
  maxPositions: number;
  initializerRange: number;
  normEpsilon: number;
  tiedEmbeddings: boolean;
  attentionBias: boolean;
  mlpBias: boolean;
  rope: RopeParameters;
}

/** In config.json's own words. */
export type ConfigDefaults = Partial<z.input<typeof configSchema>>;

const DEFAULT_ROPE_THETA = 10_000;

/**
 * @param json parsed config.json
 * @param file its path, for messages
 * @param defaults what the family's own class takes for keys that are left out, where it isn't Llama's
 * @throws InputError naming the key that is missing, wrong or not supported
 */
export function parseDecoderConfig(
  json: unknown,
  file: string,
  defaults: ConfigDefaults = {},
): DecoderConfig {
  const own = typeof json === "object" && json !== null ? json : {};
  const parsed = configSchema.safeParse({ ...defaults, ...own });
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new InputError(`${file}: ${issue?.path.join(".") ?? ""}: ${issue?.message}`);
  }
  const raw = parsed.data;
  if (raw.hidden_act && raw.hidden_act !== "silu") {
    throw new InputError(`${file}: hidden_act "${raw.hidden_act}" is not supported, only "silu"`);
  }
  const heads = raw.num_attention_heads;
  const keyValueHeads = raw.num_key_value_heads ?? heads;
  const headSize = raw.head_dim ?? raw.hidden_size / heads;
  if (!Number.isInteger(headSize) || headSize % 2 !== 0) {
    throw new InputError(
      `${file}: head size ${headSize} (hidden_size ${raw.hidden_size} / num_attention_heads ${heads}) must be an even whole number`,
    );
  }
  if (heads % keyValueHeads !== 0) {
    throw new InputError(
      `${file}: num_attention_heads ${heads} is not a multiple of num_key_value_heads ${keyValueHeads}`,
    );
  }
  return {
    vocabSize: raw.vocab_size,
    hiddenSize: raw.hidden_size,
    intermediateSize: raw.intermediate_size,
    layers: raw.num_hidden_layers,
    heads,
    keyValueHeads,
    headSize,
    maxPositions: raw.max_position_embeddings,
    initializerRange: raw.initializer_range,
    normEpsilon: raw.rms_norm_eps,
    tiedEmbeddings: raw.tie_word_embeddings,
    attentionBias: raw.attention_bias,
    mlpBias: raw.mlp_bias,
    rope: parseRope(raw, { headSize, file }),
  };
}

/** @throws InputError for a variant that is not computed */
function ropeType(scaling: { rope_type?: unknown; type?: unknown }, file: string) {
  const stated = scaling.rope_type ?? scaling.type ?? "default";
  const type = ROPE_TYPES.find((known) => known === stated);
  if (type) return type;
  throw new InputError(
    `${file}: rope type "${String(stated)}" is not supported; supported: ${ROPE_TYPES.join(", ")}`,
  );
}

/** What yarn leaves to its defaults. */
function yarnParameters(scaling: RopeScaling, factor: number) {
  return {
    factor: scaling.factor ?? factor,
    betaFast: scaling.beta_fast ?? 32,
    betaSlow: scaling.beta_slow ?? 1,
    truncate: scaling.truncate ?? true,
    attentionFactor: scaling.attention_factor ?? undefined,
    mscale: scaling.mscale ?? undefined,
    mscaleAllDim: scaling.mscale_all_dim ?? undefined,
  };
}

function parseRope(
  raw: z.output<typeof configSchema>,
  { headSize, file }: { headSize: number; file: string },
): RopeParameters {
  const scaling = ropeValues(raw);
  const type = ropeType(scaling, file);
  const need = (key: "factor" | "low_freq_factor" | "high_freq_factor"): number => {
    const value = scaling[key];
    if (typeof value !== "number") {
      throw new InputError(`${file}: rope type "${type}" needs ${key}, which is missing`);
    }
    return value;
  };
  const shared = {
    theta: scaling.rope_theta ?? raw.rope_theta ?? DEFAULT_ROPE_THETA,
    headSize,
  };
  const originalPositions = scaling.original_max_position_embeddings ?? raw.max_position_embeddings;
  switch (type) {
    case "default":
    case "dynamic":
      return { type, ...shared };
    case "linear":
      return { type, ...shared, factor: need("factor") };
    case "llama3":
      return {
        type,
        ...shared,
        factor: need("factor"),
        lowFrequencyFactor: need("low_freq_factor"),
        highFrequencyFactor: need("high_freq_factor"),
        originalPositions,
      };
    case "yarn":
      return {
        type,
        ...shared,
        originalPositions,
        ...yarnParameters(scaling, raw.max_position_embeddings / originalPositions),
      };
  }
}
