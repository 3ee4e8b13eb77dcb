/**
 * A recipe says everything about a run. The same file starts it from the editor, the CLI or a
 * cluster. Paths are relative to the recipe's own folder. JSON with comments and trailing commas.
 *
 * Descriptions below are what the editor shows while a person types: they are user documentation.
 */
import * as z from "zod";
import { objectiveSchema } from "./objective.ts";
import { IDENTITY_KEYS, LAYER_KEYS, TRAINING_KEYS, optimizerSchema } from "./recipe-keys.ts";
import { MAX_THREADS, factor, positiveInt, rate } from "./recipe-limits.ts";

export const LORA_TARGETS_ALL_LINEAR = "all-linear";

/** ONNX Runtime's execution providers that we know how to ask for. */
const deviceNameSchema = z.enum(["cpu", "cuda", "dml", "coreml", "webgpu"]);
export const deviceWishSchema = z.enum(["auto", ...deviceNameSchema.options]);

const memoryModeSchema = z.enum(["speed", "balanced", "memory"]);

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

export const recipeSchema = z.strictObject({
  ...IDENTITY_KEYS,
  engine: z.literal("onnx").default("onnx").describe("onnx: built in, needs nothing installed."),
  device: deviceWishSchema
    .default("auto")
    .describe(
      "What computes. auto: cuda where it is installed, else cpu. A device that is missing or computes wrongly is replaced by cpu; the run's log says why.",
    ),
  method: methodSchema.prefault({ type: "lora" }),
  ...LAYER_KEYS,
  quantization: z
    .enum(["none", "int8", "int4"])
    .default("none")
    .describe(
      "Memory option for LoRA (QLoRA): the base's linear weights are held in blocks of 8- or 4-bit integers while training. Adapters and merges are for the base as it is.",
    ),
  objective: objectiveSchema.prefault({ type: "sft" }),
  ...TRAINING_KEYS,
  memory: z
    .enum(["auto", ...memoryModeSchema.options])
    .default("auto")
    .describe(
      "What is traded for memory; losses and gradients stay the same to rounding. speed keeps all and packs the weights; balanced recomputes norms, activations and attention probabilities; memory recomputes whole layers. auto: the fastest that is predicted to fit in free memory.",
    ),
  threads: positiveInt
    .max(MAX_THREADS)
    .optional()
    .describe("Threads for the engine. Left out: physical cores."),
});

export type DeviceName = z.output<typeof deviceNameSchema>;
export type DeviceWish = z.output<typeof deviceWishSchema>;
export type Quantization = z.output<typeof recipeSchema>["quantization"];

export const PISSA_GOES_WITH =
  'method.init "pissa" goes with lora and rslora on linear layers, without dropout and modulesToSave';

export type Recipe = z.output<typeof recipeSchema>;

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
export type RecipeInput = z.input<typeof recipeSchema>;
export type MemoryMode = z.output<typeof memoryModeSchema>;
export type MemoryWish = Recipe["memory"];
export type Packing = Recipe["data"]["packing"];
export type Method = z.output<typeof methodSchema>;

const usedDeviceSchema = z.strictObject({
  name: deviceNameSchema,
  note: z.string().optional().describe("Why it is not the device that was asked for."),
});

export type UsedDevice = z.output<typeof usedDeviceSchema>;

const usedMemorySchema = z.strictObject({
  mode: memoryModeSchema,
  predictedBytes: z.number().describe("Predicted peak resident memory of the process."),
});

export type UsedMemory = z.output<typeof usedMemorySchema>;

/** What a run really used, stored as `recipe.json` in its folder: absolute paths, no default left open. */
export const resolvedRecipeSchema = recipeSchema.extend({
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
  /** Filled in by the training process: what `device` came to. A resume may come to another. */
  usedDevice: usedDeviceSchema.optional(),
  /** Filled in by the training process: what `memory` came to. */
  usedMemory: usedMemorySchema.optional(),
});

export type ResolvedRecipe = z.output<typeof resolvedRecipeSchema>;
