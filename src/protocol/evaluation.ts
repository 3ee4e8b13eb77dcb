/**
 * `evaluation.json` of a classification run: how the evaluation rows were labelled, by the newest
 * weights while it trains, by those that were kept once it has ended. `retune eval --json` prints
 * the same, without step.
 */
import * as z from "zod";

/** Of one label: of multi-label whether it applies, else whether it is the row's. */
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
