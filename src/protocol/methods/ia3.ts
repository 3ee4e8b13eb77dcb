import * as z from "zod";
import type { MethodFacts } from "../method.ts";
import { targetLayers, targetsContradiction, targetsSchema, targetsText } from "./targets.ts";

const schema = z.strictObject({
  type: z
    .literal("ia3")
    .describe("(IA)³ (arXiv 2205.05638): scales what linear layers give; very few parameters."),
  targets: targetsSchema
    .default(["q_proj", "k_proj", "v_proj", "o_proj", "down_proj"])
    .describe("Target modules, as for LoRA."),
  feedForward: z
    .array(z.string().min(1))
    .default(["down_proj"])
    .describe("Those of the targets whose input is scaled instead of their result."),
});

export type Ia3Method = z.output<typeof schema>;

export const ia3 = {
  name: "ia3",
  schema,
  startsAsBase: true,
  choices: [
    {
      label: "(IA)³",
      description: "scales of attention and feed-forward",
      detail: "A few thousand scales: for few examples, and adapters by the hundred.",
      place: 60,
      recipe: { method: { type: "ia3" } },
    },
  ],
  word: () => "(IA)³",
  text: ({ type }) => type,
  title: () => "(IA)³",
  settings: ({ targets, feedForward }) => [
    { label: "Method", value: "(IA)³" },
    { label: "Targets", value: targetsText(targets) },
    { label: "Input scaled", value: feedForward.join(", ") || "none" },
  ],
  // arXiv 2205.05638: 3e-3; PEFT's examples: 8e-3.
  learningRate: () => ({ large: 5e-3, tiny: 2e-2 }),
  layers: ({ targets }) => targetLayers(targets),
  contradictions: ({ method: { targets } }) => targetsContradiction(targets),
} as const satisfies MethodFacts<Ia3Method, z.input<typeof schema>>;
