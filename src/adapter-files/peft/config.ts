/** adapter_config.json: what of PEFT's LoRA Retune computes, and what it refuses to half-apply. */
import * as z from "zod";
import { InputError } from "../../util/errors.ts";
import { patternValue } from "../../util/module-pattern.ts";

/** PEFT versions differ in which keys they write, and write null for many: absent and null are the same. */
const peftLoraConfigSchema = z.looseObject({
  peft_type: z.literal("LORA"),
  task_type: z.string().nullish(),
  base_model_name_or_path: z.string().nullish(),
  r: z.int().min(1),
  /** 0 and below too: PEFT only multiplies with it. */
  lora_alpha: z.number(),
  lora_dropout: z
    .number()
    .min(0)
    .nullish()
    .transform((value) => value ?? 0),
  target_modules: z.union([z.array(z.string()), z.string()]).nullish(),
  use_rslora: z
    .boolean()
    .nullish()
    .transform((value) => value ?? false),
  use_dora: z
    .boolean()
    .nullish()
    .transform((value) => value ?? false),
  modules_to_save: z.array(z.string()).nullish(),
  rank_pattern: z.record(z.string(), z.int().min(1)).nullish(),
  alpha_pattern: z.record(z.string(), z.number()).nullish(),
});

export type PeftLoraConfig = z.output<typeof peftLoraConfigSchema>;

const WAY_OUT = "merge it into its base with PEFT (merge_and_unload) and use the merged model";

/** Keys that change what the adapter computes: ignoring one would give wrong numbers in silence. */
const UNSUPPORTED: readonly string[] = [
  "lora_bias",
  "fan_in_fan_out",
  "target_parameters",
  "layer_replication",
  "enable_lora",
  "use_qalora",
  "use_bdlora",
  "alora_invocation_tokens",
  "arrow_config",
  "kasa_config",
  "monteclora_config",
];

const COMPUTED: ReadonlySet<string> = new Set(["use_rslora", "use_dora"]);

/** Initialisations after which PEFT takes the first A and B out of the base's own weights. */
const BASE_CHANGING_INIT = /^(pissa|olora|corda|lora_ga|loftq|milora)/i;

/**
 * @param json what adapter_config.json holds
 * @param file its path, for messages
 * @throws InputError naming the key that is wrong or that Retune does not compute
 */
export function parsePeftConfig(json: Record<string, unknown>, file: string): PeftLoraConfig {
  const { peft_type: type } = json;
  if (type !== "LORA") {
    throw new InputError(`${file}: peft_type is ${shown(type)}, expected "LORA"`);
  }
  for (const key of UNSUPPORTED) {
    if (isSet(json[key])) {
      throw new InputError(
        `${file}: ${key} is ${shown(json[key])}, which Retune does not compute; ${WAY_OUT}`,
      );
    }
  }
  const unknown = Object.keys(json).find(
    (key) => key.startsWith("use_") && json[key] === true && !COMPUTED.has(key),
  );
  if (unknown !== undefined) {
    throw new InputError(
      `${file}: ${unknown} is true, a variant of LoRA that Retune does not compute; ${WAY_OUT}`,
    );
  }
  const { bias, init_lora_weights: init } = json;
  if (isSet(bias) && !["none", "all", "lora_only"].includes(String(bias))) {
    throw new InputError(
      `${file}: bias is ${shown(bias)}, expected "none", "all" or "lora_only"; ${WAY_OUT}`,
    );
  }
  if (typeof init === "string" && BASE_CHANGING_INIT.test(init)) {
    throw new InputError(
      `${file}: init_lora_weights is ${shown(init)}, which changes the base's weights; save the adapter again with PEFT's path_initial_model_for_weight_conversion`,
    );
  }
  const parsed = peftLoraConfigSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new InputError(`${file}: ${issue?.path.join(".")}: ${issue?.message}`);
}

function isSet(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === "object" && value !== null) return Object.keys(value).length > 0;
  return value !== undefined && value !== null && value !== false;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

/** What the config calls for in one module, patterns considered. */
export function peftRank(config: PeftLoraConfig, modulePath: string): number {
  return patternValue(config.rank_pattern, modulePath, "adapter_config.json") ?? config.r;
}

/** alpha / r, or alpha / √r for rsLoRA. */
export function peftLoraScale(config: PeftLoraConfig, modulePath: string, rank: number): number {
  const alpha =
    patternValue(config.alpha_pattern, modulePath, "adapter_config.json") ?? config.lora_alpha;
  return alpha / (config.use_rslora ? Math.sqrt(rank) : rank);
}
