import * as z from "zod";
import type { ObjectiveFacts } from "../objective.ts";

const schema = z.strictObject({
  type: z.literal("sft").describe("Supervised fine-tuning: next-token cross-entropy."),
  lossOn: z
    .enum(["auto", "all"])
    .default("auto")
    .describe(
      "auto: only assistant or completion tokens count (plain text counts whole). all: every token counts.",
    ),
});

export type SftObjective = z.output<typeof schema>;

export const sft = {
  name: "sft",
  schema,
  writesText: true,
  figures: [
    { name: "evalLoss", label: "Perplexity", unit: "perplexity", note: "exp(eval loss)" },
    {
      name: "evalAccuracy",
      label: "Accuracy",
      unit: "share",
      note: "next tokens right",
      best: { by: "accuracy", words: "evaluation accuracy" },
    },
  ],
  charts: [],
  settings: ({ lossOn }) => [
    { label: "Loss on", value: lossOn === "all" ? "all tokens" : "answers (auto)" },
  ],
} as const satisfies ObjectiveFacts<SftObjective>;
