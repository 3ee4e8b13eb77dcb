/**
 * What an evaluation tells: a few figures of any model, and all about how a classifier labels.
 *
 * `EvaluationFigures` is what tables, interpolations and charts hold, one for each model and data file;
 * `evaluationTableSchema` is what `retune eval --json` prints of several.
 * `ClassifierEvaluation` is `evaluation.json` of a classification run: how the evaluation rows were
 * labelled, by the newest weights while it trains, by those that were kept once it has ended.
 * `retune eval --json` of one classifier prints the same, without step.
 */
import * as z from "zod";

/** How one label does: in multi-label whether it applies, else whether it is the row's. */
const labelScoreSchema = z.object({
  label: z.string(),
  /** 0 where the label was never given (precision) or never right (recall), as scikit-learn. */
  precision: z.number(),
  recall: z.number(),
  f1: z.number(),
  /** Rows that have this label. */
  support: z.int().min(0),
});

const labelledSchema = z.object({
  problem: z.enum(["single-label", "multi-label"]),
  /** Share of rows whose labels are all right. */
  accuracy: z.number(),
  /** Mean of the labels' F1, each counted alike. */
  macroF1: z.number(),
  scores: z.array(labelScoreSchema).min(1),
  /** Only of single-label: rows by their label (first index) and by the one given (second), in the order of `scores`. */
  confusion: z.array(z.array(z.int().min(0))).optional(),
});

const regressionSchema = z.object({
  problem: z.literal("regression"),
  meanSquaredError: z.number(),
  meanAbsoluteError: z.number(),
  /** Share of the variance that is explained (R²); left out where all rows have the same number. */
  r2: z.number().optional(),
});

const share = z.number().min(0).max(1);

/** How a model does on one data file; a figure that the model's kind does not have is left out. */
export const evaluationFiguresSchema = z.object({
  /** Mean per counted token, or labelled row: cross-entropy in nats; of regression the squared error. */
  loss: z.number(),
  /** e^loss; only where tokens are predicted. */
  perplexity: z.number().min(0).optional(),
  /** Share of counted tokens whose arg-max prediction is right, or of rows whose labels are all right; not of regression. */
  accuracy: share.optional(),
  /** Mean of the labels' F1, each counted alike; only of classifiers. */
  macroF1: share.optional(),
  /**
   * Share of rows in which every counted token is the arg-max, given the right ones before it; only
   * where tokens are predicted. Greedy decoding of such a row's prompt gives its reference exactly
   * (ties of logits aside), so this is exact match without generating anything.
   */
  exactMatch: share.optional(),
  /** Rows with a counted token or a label. */
  rows: z.int().min(1),
  /** Counted tokens; only where tokens are predicted. */
  tokens: z.int().min(1).optional(),
});

export type EvaluationFigures = z.output<typeof evaluationFiguresSchema>;

/** One model on one data file, flat: a line of the table and of the CSV. */
const evaluationResultSchema = evaluationFiguresSchema.extend({
  /** Names as they were given, or made of the paths. */
  model: z.string(),
  data: z.string(),
  /** Folder or .gguf file. */
  base: z.string(),
  adapter: z.string().optional(),
  file: z.string(),
});

/** Models in the order given, each on all data files in theirs. */
export const evaluationTableSchema = z.object({ results: z.array(evaluationResultSchema).min(1) });

export type EvaluationResult = z.output<typeof evaluationResultSchema>;

/** Where an open folder keeps its evaluations, a file each. */
export const EVALUATIONS_FOLDER = ".retune/evaluations";

/** `.retune/evaluations/<name>-<when>.json` */
export const savedEvaluationSchema = evaluationTableSchema.extend({
  version: z.literal(1),
  /** What it is called in lists and in its tab. */
  name: z.string().min(1),
  createdAt: z.iso.datetime(),
});

export type SavedEvaluation = z.output<typeof savedEvaluationSchema>;

/** Columns of the CSV in their order. */
export const EVALUATION_COLUMNS = [
  "model",
  "data",
  "loss",
  "perplexity",
  "accuracy",
  "macroF1",
  "exactMatch",
  "rows",
  "tokens",
  "base",
  "adapter",
  "file",
] as const satisfies readonly (keyof EvaluationResult)[];

const featureDistortionSchema = z.object({
  /** Mean over rows of ‖feature now − feature of the base‖₂, feature being what the head reads (arXiv 2202.10054). */
  mean: z.number(),
  /** The same as a share of the base features' mean norm. */
  relative: z.number(),
});

export const evaluationSchema = z.intersection(
  z.object({
    /** Optimizer steps done. */
    step: z.int().min(0).optional(),
    rows: z.int().min(1),
    /** Mean over rows; cross-entropy in nats, or squared error. */
    loss: z.number(),
    featureDistortion: featureDistortionSchema.optional(),
  }),
  z.discriminatedUnion("problem", [labelledSchema, regressionSchema]),
);

export type ClassifierEvaluation = z.output<typeof evaluationSchema>;
export type FeatureDistortion = z.output<typeof featureDistortionSchema>;
