/**
 * What every recipe has, whatever its method, objective and engine: those say in files of their own what is
 * theirs, and see of a recipe what is here.
 */
import * as z from "zod";
import {
  MAX_BATCH,
  MAX_COUNT,
  MAX_LENGTH,
  MAX_STEPS,
  epochs,
  positiveInt,
  rate,
  stepCount,
} from "./recipe-limits.ts";

const dataSchema = z.strictObject({
  train: z
    .string()
    .min(1)
    .describe(
      "Training data: .jsonl, .json, .csv, .tsv or .parquet; text also with .gz behind it.",
    ),
  eval: z.string().min(1).optional().describe("Evaluation data, of the same kinds."),
  evalSplit: z
    .number()
    .gt(0)
    .lt(1)
    .optional()
    .describe("Without an eval file: the share of training rows held out, chosen by the seed."),
  format: z
    .enum(["auto", "messages", "prompt-completion", "text", "alpaca", "sharegpt"])
    .default("auto")
    .describe("Row format; auto detects it from each row's keys."),
  maxLength: positiveInt.max(MAX_LENGTH).default(512).describe("Longest row in tokens."),
  overlong: z
    .enum(["truncate", "drop", "error"])
    .default("truncate")
    .describe("What happens to a row longer than maxLength. Each is counted in the run's log."),
  packing: z
    .literal(["auto", true, false])
    .default("auto")
    .describe(
      "Which rows share a micro-batch. In all three, rows stand end to end, no padding tokens between them, and never see each other. auto: batchSize rows of like length. false: batchSize rows in shuffled order, whatever their lengths. true: as many rows as fit into batchSize × maxLength tokens, so an epoch has fewer and fuller steps.",
    ),
});

export const optimizerSchema = z.strictObject({
  type: z.literal("adamw").default("adamw"),
  learningRate: rate.optional(),
  learningRates: z
    .record(z.string().min(1), rate)
    .optional()
    .describe(
      'Peak learning rates of parts (discriminative fine-tuning): patterns over tensor names as in freeze, the last that matches counts, e.g. {"layers.[0-5]": 1e-5, "norm": 1e-4}. Of a classification head beside virtual tokens 1e-3 unless said otherwise.',
    ),
  weightDecay: z.number().min(0).max(1_000).default(0).describe("Decoupled weight decay (AdamW)."),
  betas: z.tuple([z.number().min(0).lt(1), z.number().min(0).lt(1)]).default([0.9, 0.999]),
  epsilon: z.number().min(1e-30).max(1).default(1e-8),
  schedule: z.enum(["linear", "cosine", "constant"]).default("cosine"),
  warmupSteps: z
    .number()
    .min(0)
    .max(MAX_STEPS)
    .default(0)
    .describe("Warm-up steps; a value below 1 is a share of all steps."),
  maxGradNorm: z
    .number()
    .min(0)
    .max(1e30)
    .default(1)
    .describe("Gradients are clipped to this global norm; 0 switches clipping off."),
});

export const IDENTITY_KEYS = {
  $schema: z.string().optional(),
  name: z.string().min(1).max(200).optional().describe("Shown in the Runs tree."),
  base: z
    .string()
    .min(1)
    .describe("Base model: a Hugging Face folder or a .gguf file, relative to this recipe."),
};

/** Which part of what a method trains is trained. */
export const LAYER_KEYS = {
  freeze: z
    .array(
      z
        .string()
        .min(1)
        .regex(/^!?[^!]+$/u, "a pattern, or ! and a pattern"),
    )
    .optional()
    .describe(
      'What is not trained: patterns over tensor and layer names, in order. "mlp" or "layers.3" name whole parts, * stands for any characters, [0-9] for a range of numbers, and a leading ! trains what it matches after all. With an adapter: where none is attached.',
    ),
  trainFirst: positiveInt
    .optional()
    .describe("Only this many blocks at the start are trained (and those of trainLast)."),
  trainLast: positiveInt
    .optional()
    .describe(
      'Only this many blocks at the end are trained (and those of trainFirst): no embeddings, no last norm, no head, unless freeze names them with "!".',
    ),
};

export const TRAINING_KEYS = {
  data: dataSchema,
  optimizer: optimizerSchema.prefault({}),
  batchSize: positiveInt
    .max(MAX_BATCH)
    .default(4)
    .describe(
      "Rows per micro-batch. With data.packing true, a micro-batch is instead filled up to batchSize × data.maxLength tokens.",
    ),
  accumulate: positiveInt.max(MAX_COUNT).default(1).describe("Micro-batches per optimizer step."),
  epochs: epochs.default(3).describe("Passes over the training data; may be fractional."),
  maxSteps: positiveInt.max(MAX_STEPS).optional().describe("Stop after this many optimizer steps."),
  seed: z.int().min(0).max(0xffffffff).default(42),
  evalEvery: stepCount.default(50).describe("Evaluate every N steps (0: only at the end)."),
  saveEvery: stepCount.default(50).describe("Checkpoint every N steps (0: only at the end)."),
  keepCheckpoints: positiveInt.max(MAX_COUNT).default(2).describe("How many checkpoints to keep."),
  keepBest: z
    .boolean()
    .default(true)
    .describe("What is written at the end is what evaluated best (bestBy), not what came last."),
  bestBy: z
    .enum(["loss", "accuracy", "macroF1"])
    .default("loss")
    .describe(
      "What keepBest and earlyStop go by: the lowest evaluation loss, the highest accuracy, or a classifier's highest macro-F1. Where two are equal the lower loss counts.",
    ),
  earlyStop: z
    .strictObject({
      patience: positiveInt
        .max(MAX_COUNT)
        .describe("Evaluations without improvement before the run stops."),
    })
    .optional(),
};

const sharedSchema = z.strictObject({ ...IDENTITY_KEYS, ...LAYER_KEYS, ...TRAINING_KEYS });

/** A recipe as a method, an objective or an engine sees it; each narrows what is its own. */
export type SharedRecipe = z.output<typeof sharedSchema> & {
  readonly method: { readonly type: string };
  readonly objective: { readonly type: string };
};
