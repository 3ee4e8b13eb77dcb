/** What a run learns from each row: the next token, or the row's label. */
import * as z from "zod";
import { epochs, rate } from "./recipe-limits.ts";

const sftSchema = z.strictObject({
  type: z.literal("sft").describe("Supervised fine-tuning: next-token cross-entropy."),
  lossOn: z
    .enum(["auto", "all"])
    .default("auto")
    .describe(
      "auto: only assistant or completion tokens count (plain text counts whole). all: every token counts.",
    ),
});

const probeSchema = z
  .strictObject({
    epochs: epochs.default(20).describe("Passes of the probe over the rows."),
    learningRate: rate.default(1e-3).describe("Of the probe."),
  })
  .describe(
    "LP-FT (arXiv 2202.10054): the new head is first trained alone on the untouched base (a linear probe), then the method goes on from it. Tuning moves the features less, so that data from elsewhere suffers less.",
  );

const classificationSchema = z.strictObject({
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

export const objectiveSchema = z.discriminatedUnion("type", [sftSchema, classificationSchema]);

/** Whether what such a run trains can write text: a classifier has no head for tokens. */
export function writesText({ objective }: { objective: Objective }): boolean {
  return objective.type !== "classification";
}

export type Objective = z.output<typeof objectiveSchema>;
export type Classification = z.output<typeof classificationSchema>;
