import * as z from "zod";
import type { ObjectiveFacts, ObjectiveSetting } from "../objective.ts";
import { epochs, rate } from "../recipe-limits.ts";

const probeSchema = z
  .strictObject({
    epochs: epochs.default(20).describe("Passes of the probe over the rows."),
    learningRate: rate.default(1e-3).describe("Of the probe."),
  })
  .describe(
    "LP-FT (arXiv 2202.10054): the new head is first trained alone on the untouched base (a linear probe), then the method goes on from it. Tuning moves the features less, so that data from elsewhere suffers less.",
  );

const schema = z.strictObject({
  type: z
    .literal("classification")
    .describe(
      'A new head (score) that labels whole rows. Rows: {"text": "…", "label": "spam"}; multi-label {"text": "…", "labels": ["a", "b"]}; regression {"text": "…", "label": 0.5}.',
    ),
  problem: z
    .enum(["single-label", "multi-label", "regression"])
    .default("single-label")
    .describe(
      "single-label: one label a row (cross-entropy). multi-label: any number of labels a row (binary cross-entropy). regression: a number a row (squared error).",
    ),
  pooling: z
    .enum(["last", "mean", "first"])
    .default("last")
    .describe(
      "Which hidden state the head reads: the last token's, as transformers does, the mean of all, or the first one's.",
    ),
  probe: probeSchema.optional(),
});

export type Classification = z.output<typeof schema>;
export type ClassificationInput = z.input<typeof schema>;

const ACCURACY = {
  name: "evalAccuracy",
  label: "Accuracy",
  unit: "share",
  note: "rows labelled right",
  best: { by: "accuracy", words: "evaluation accuracy" },
} as const;

const MACRO_F1 = {
  name: "evalMacroF1",
  label: "Macro-F1",
  unit: "score",
  note: "mean over labels",
  best: { by: "macroF1", words: "macro-F1" },
} as const;

export const classification = {
  name: "classification",
  schema,
  writesText: false,
  newHead: "score",
  figures: [ACCURACY, MACRO_F1],
  charts: [
    {
      title: "Labelled right",
      lines: [
        { figure: ACCURACY.name, label: ACCURACY.label, color: "eval", look: "points" },
        { figure: MACRO_F1.name, label: MACRO_F1.label, color: "train", look: "points" },
      ],
      needs: MACRO_F1.name,
    },
  ],
  headline: {
    figure: ACCURACY.name,
    of: (report: object) =>
      "accuracy" in report && typeof report.accuracy === "number" ? report.accuracy : undefined,
  },
  settings: ({ problem, pooling, probe }) => [
    { label: "Objective", value: `classification, ${problem}` },
    { label: "Pooling", value: pooling },
    ...probeSettings(probe),
  ],
  contradictions: ({ objective, bestBy }) => {
    if (bestBy === "loss" || objective.problem !== "regression") return [];
    const message = `bestBy ${bestBy} counts labels, and regression has none; choose loss`;
    return [{ keys: ["bestBy"], message }];
  },
} as const satisfies ObjectiveFacts<Classification>;

function probeSettings(probe: Classification["probe"]): ObjectiveSetting[] {
  if (probe === undefined) return [];
  const { epochs: passes, learningRate } = probe;
  return [{ label: "Probe (LP-FT)", value: `${passes} epochs at ${learningRate.toExponential()}` }];
}
