import * as z from "zod";
import type { MethodFacts } from "../method.ts";
import { ALL_TENSORS, chosenLayers } from "./base-layers.ts";

const schema = z.strictObject({
  type: z.literal("full"),
  init: z
    .enum(["base", "random"])
    .default("base")
    .describe(
      'Where the weights start: from the base model, or "random" to train from scratch (the base folder then needs only config.json and a tokenizer).',
    ),
});

type FullMethod = z.output<typeof schema>;

/** A model drawn at random takes, and needs, far larger steps than one that has been trained. */
const FROM_SCRATCH_LEARNING_RATE = 1e-3;

export const full = {
  name: "full",
  schema,
  ofBase: "all",
  startsAsBase: true,
  choices: [
    {
      label: "Full fine-tuning",
      description: "every tensor",
      detail: "Changes the most, for much data and new languages; takes the most memory.",
      place: 100,
      recipe: { method: { type: "full" } },
    },
    {
      label: "LP-FT",
      description: "a probed head, then every tensor",
      detail:
        "Labels rows: probes the head, then tunes all from there; keeps more of what the base knows.",
      place: 120,
      recipe: { method: { type: "full" } },
      labels: "probed head",
    },
  ],
  word: () => "full",
  text: ({ type }) => type,
  title: ({ init }) => (init === "random" ? "Full, from scratch" : "Full fine-tuning"),
  settings: ({ init }) => [
    { label: "Method", value: "full" },
    { label: "Start from", value: init === "random" ? "random weights" : "base weights" },
  ],
  learningRate: ({ init }) =>
    init === "random"
      ? { large: FROM_SCRATCH_LEARNING_RATE, tiny: FROM_SCRATCH_LEARNING_RATE }
      : // Alpaca and its kin: 2e-5.
        { large: 2e-5, tiny: 3e-4 },
  isFromScratch: ({ init }) => init === "random",
  layers: () => ALL_TENSORS,
  contradictions: (recipe) => {
    const [choice] = chosenLayers(recipe);
    if (choice === undefined) return [];
    const message = `${choice} contradicts method full, which trains everything; choose method freeze`;
    return [{ keys: [choice], message }];
  },
} as const satisfies MethodFacts<FullMethod, z.input<typeof schema>>;
