/**
 * A recipe says everything about a run. The same file starts it from the editor, the CLI or a
 * cluster. Paths are relative to the recipe's own folder. JSON with comments and trailing commas.
 *
 * Descriptions below are what the editor shows while a person types: they are user documentation.
 */
import * as z from "zod";
import { DEFAULT_METHOD, methodSchema, ratesOfMethods } from "./methods.ts";
import { objectiveSchema } from "./objective.ts";
import { IDENTITY_KEYS, LAYER_KEYS, TRAINING_KEYS, optimizerSchema } from "./recipe-keys.ts";
import { MAX_THREADS, positiveInt, rate } from "./recipe-limits.ts";

/** ONNX Runtime's execution providers that we know how to ask for. */
const deviceNameSchema = z.enum(["cpu", "cuda", "dml", "coreml", "webgpu"]);
export const deviceWishSchema = z.enum(["auto", ...deviceNameSchema.options]);

const memoryModeSchema = z.enum(["speed", "balanced", "memory"]);

const ratedOptimizerSchema = optimizerSchema.extend({
  learningRate: rate
    .optional()
    .describe(`Peak learning rate. Left out, that of the method: ${ratesOfMethods()}.`),
});

export const recipeSchema = z.strictObject({
  ...IDENTITY_KEYS,
  engine: z.literal("onnx").default("onnx").describe("onnx: built in, needs nothing installed."),
  device: deviceWishSchema
    .default("auto")
    .describe(
      "What computes. auto: cuda where it is installed, else cpu. A device that is missing or computes wrongly is replaced by cpu; the run's log says why.",
    ),
  method: methodSchema.prefault({ type: DEFAULT_METHOD }),
  ...LAYER_KEYS,
  quantization: z
    .enum(["none", "int8", "int4"])
    .default("none")
    .describe(
      "Memory option for LoRA (QLoRA): the base's linear weights are held in blocks of 8- or 4-bit integers while training. Adapters and merges are for the base as it is.",
    ),
  objective: objectiveSchema.prefault({ type: "sft" }),
  ...TRAINING_KEYS,
  optimizer: ratedOptimizerSchema.prefault({}),
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

export type Recipe = z.output<typeof recipeSchema>;

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
