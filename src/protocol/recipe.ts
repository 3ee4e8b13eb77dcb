/**
 * A recipe says everything about a run. The same file starts it from the editor, the CLI or a
 * cluster. Paths are relative to the recipe's own folder. JSON with comments and trailing commas.
 *
 * Descriptions below are what the editor shows while a person types: they are user documentation.
 */
import * as z from "zod";
import { engineKeys, engineOf, withOptionsPlaced } from "./engine-keys.ts";
import type { EngineChoice, EngineFacts } from "./engine-facts.ts";
import { ONNX_FOUND, type OnnxOptions, type OnnxOptionsInput } from "./engines/onnx.ts";
import { objectiveSchema } from "./objective.ts";
import { IDENTITY_KEYS, LAYER_KEYS, TRAINING_KEYS, optimizerSchema } from "./recipe-keys.ts";
import { factor, positiveInt, rate } from "./recipe-limits.ts";

export const LORA_TARGETS_ALL_LINEAR = "all-linear";

const loraMethodSchema = z.strictObject({
  type: z.literal("lora"),
  rank: positiveInt.max(4096).default(8).describe("Rank r of the update B·A. 8–64 is usual."),
  alpha: factor
    .default(16)
    .describe("The update is scaled by alpha / rank (rsLoRA: alpha / sqrt(rank))."),
  dropout: z
    .number()
    .min(0)
    .lt(1)
    .default(0)
    .describe("Probability of dropping an input of the adapter while training."),
  targets: z
    .union([z.array(z.string().min(1)).min(1), z.string().min(1)])
    .default(LORA_TARGETS_ALL_LINEAR)
    .describe(
      'Target modules: a list of module names ("q_proj"), a regular expression over full module paths, or "all-linear" (every linear layer but the head).',
    ),
  loraPlusRatio: factor
    .optional()
    .describe(
      "LoRA+ (arXiv 2402.12354): B's learning rate is so many times A's, and as in PEFT that of tensors with one axis (DoRA's magnitudes, norms in modulesToSave). 16 is usual; the learning rate itself should then be lower.",
    ),
  variant: z
    .enum(["lora", "rslora", "dora"])
    .default("lora")
    .describe(
      "rslora scales by alpha / sqrt(rank) (arXiv 2312.03732); dora trains the length of each weight row, of embeddings each column, apart (arXiv 2402.09353).",
    ),
  init: z
    .enum(["default", "pissa"])
    .optional()
    .describe(
      "Where the adapter starts: default (or left out) as PEFT's LoRA, A at random and B zero; pissa as the principal part of each weight (arXiv 2404.02948), saved as plain LoRA of twice the rank.",
    ),
  rankPattern: z
    .record(z.string().min(1), positiveInt.max(4096))
    .optional()
    .describe(
      'Ranks of some modules: regular expressions over the end of a module\'s path, the first that matches counts, e.g. {"down_proj": 16}.',
    ),
  alphaPattern: z
    .record(z.string().min(1), factor)
    .optional()
    .describe("Alphas of some modules, as rankPattern."),
  modulesToSave: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe(
      'Modules of the base that are trained whole beside the adapter and saved in it, e.g. ["norm"].',
    ),
});

const ia3MethodSchema = z.strictObject({
  type: z
    .literal("ia3")
    .describe("(IA)³ (arXiv 2205.05638): scales what linear layers give; very few parameters."),
  targets: z
    .union([z.array(z.string().min(1)).min(1), z.string().min(1)])
    .default(["q_proj", "k_proj", "v_proj", "o_proj", "down_proj"])
    .describe("Target modules, as for LoRA."),
  feedForward: z
    .array(z.string().min(1))
    .default(["down_proj"])
    .describe("Those of the targets whose input is scaled instead of their result."),
});

const virtualTokensSchema = positiveInt
  .max(1024)
  .default(20)
  .describe("Virtual tokens in front of every row.");

const promptTuningMethodSchema = z.strictObject({
  type: z
    .literal("prompt-tuning")
    .describe("Trains the embeddings of virtual tokens (arXiv 2104.08691)."),
  tokens: virtualTokensSchema,
  init: z
    .enum(["vocabulary", "random", "text"])
    .default("vocabulary")
    .describe(
      "Where the virtual tokens start: as tokens drawn from the vocabulary, at random with the embeddings' own spread, or as the tokens of initText, repeated.",
    ),
  initText: z.string().min(1).optional(),
});

const prefixTuningMethodSchema = z.strictObject({
  type: z
    .literal("prefix-tuning")
    .describe("Trains keys and values of virtual tokens in every layer (arXiv 2101.00190)."),
  tokens: virtualTokensSchema,
});

const fullMethodSchema = z.strictObject({
  type: z.literal("full"),
  init: z
    .enum(["base", "random"])
    .default("base")
    .describe(
      'Where the weights start: from the base model, or "random" to train from scratch (the base folder then needs only config.json and a tokenizer).',
    ),
});

const reftMethodSchema = z.strictObject({
  type: z
    .enum(["loreft", "direft", "noreft"])
    .describe(
      "Representation fine-tuning (arXiv 2404.03592): edits hidden states of the prompt. loreft: in a low-rank subspace that stays orthonormal; direft: the same without subtracting what was there; noreft: without orthonormality.",
    ),
  rank: positiveInt.max(4096).default(8).describe("Rank of each intervention."),
  layers: z
    .union([z.literal("all"), z.array(z.int().min(0)).min(1)])
    .default("all")
    .describe("Blocks after which to intervene, 0-based."),
  positions: z
    .string()
    .regex(
      /^(auto|f[1-9]\d*|l[1-9]\d*|f[1-9]\d*\+l[1-9]\d*)$/u,
      'expected "auto", or e.g. "f7+l7", "f1" or "l1"',
    )
    .default("auto")
    .describe(
      'Tokens of the prompt to edit: so many first and so many last ones. "auto": seven of each, or what half of the training data\'s prompts have room for; shorter ones take what they have.',
    ),
  tied: z
    .boolean()
    .default(true)
    .describe("One intervention for first and last tokens alike; false: one for each end."),
  dropout: z
    .number()
    .min(0)
    .lt(1)
    .default(0)
    .describe("Probability of dropping an element of an edited state while training."),
});

const freezeMethodSchema = z.strictObject({
  type: z
    .literal("freeze")
    .describe(
      "Trains a part of the base and nothing else: the part that freeze, trainFirst and trainLast leave.",
    ),
});

const headMethodSchema = z.strictObject({
  type: z
    .literal("head")
    .describe("Linear probe: trains objective classification's new head and nothing else."),
});

export const methodSchema = z.discriminatedUnion("type", [
  loraMethodSchema,
  ia3MethodSchema,
  promptTuningMethodSchema,
  prefixTuningMethodSchema,
  reftMethodSchema,
  freezeMethodSchema,
  headMethodSchema,
  fullMethodSchema,
]);

/** What every recipe has, whatever its engine. */
export const sharedSchema = z.strictObject({
  ...IDENTITY_KEYS,
  method: methodSchema.prefault({ type: "lora" }),
  ...LAYER_KEYS,
  objective: objectiveSchema.prefault({ type: "sft" }),
  ...TRAINING_KEYS,
});

/** Of one engine, which may be none of ours: what its options mean only it knows. */
export function recipeSchemaOf(engine: EngineFacts): z.ZodObject {
  const { shape } = sharedSchema;
  return z.strictObject({ ...IDENTITY_KEYS, ...engineKeys(engine), ...shape });
}

/** Parsed as its engine takes it, whichever that is at the time. */
function byEngine<Output, Input>(
  schemaOf: (engine: EngineFacts) => z.ZodObject,
): z.ZodType<Output, Input> {
  const schema = z.unknown().transform((written, context) => {
    const { value, issues } = withOptionsPlaced(written);
    const parsed = schemaOf(engineOf(value)).safeParse(value);
    context.issues.push(...issues, ...(parsed.error?.issues ?? []).map((issue) => issue as never));
    return parsed.data;
  });
  return schema as unknown as z.ZodType<Output, Input>;
}

export type Recipe = z.output<typeof sharedSchema> &
  Partial<OnnxOptions> & { engine: EngineChoice };
export type RecipeInput = z.input<typeof sharedSchema> &
  Partial<OnnxOptionsInput> & { engine?: EngineChoice };

export const recipeSchema = byEngine<Recipe, RecipeInput>(recipeSchemaOf);

export const PISSA_GOES_WITH =
  'method.init "pissa" goes with lora and rslora on linear layers, without dropout and modulesToSave';

/** Tensors of the base itself change, so that a run's result is a model, not an adapter. */
export function trainsBase({ type }: Method): boolean {
  return type === "full" || type === "freeze" || type === "head";
}

export function layerChoice({
  freeze,
  trainFirst,
  trainLast,
}: Recipe): Pick<Recipe, "freeze" | "trainFirst" | "trainLast"> {
  return { freeze, trainFirst, trainLast };
}
export type Packing = Recipe["data"]["packing"];
export type Method = z.output<typeof methodSchema>;

const resolvedKeys = {
  name: z.string().min(1),
  optimizer: optimizerSchema.extend({ learningRate: rate }),
  source: z.strictObject({
    recipePath: z.string().optional().describe("The recipe file that the run was started from."),
    retuneVersion: z.string(),
    createdAt: z.iso.datetime(),
  }),
  /** Filled in by the training process once it has read them: file path → sha256 in hex. */
  hashes: z.record(z.string(), z.string()).optional(),
  /** Filled in by the training process, e.g. { node: "24.1.0", "onnxruntime-node": "1.30.0" }. */
  versions: z.record(z.string(), z.string()).optional(),
  ...ONNX_FOUND,
};

const resolvedKeysSchema = z.object(resolvedKeys);

export type ResolvedRecipe = Omit<Recipe, keyof typeof resolvedKeys> &
  z.output<typeof resolvedKeysSchema>;

/** What a run really used, stored as `recipe.json` in its folder: absolute paths, no default left open. */
export const resolvedRecipeSchema = byEngine<ResolvedRecipe, ResolvedRecipe>((engine) =>
  recipeSchemaOf(engine).extend(resolvedKeys),
);
