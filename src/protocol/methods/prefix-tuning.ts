import * as z from "zod";
import type { MethodFacts } from "../method.ts";
import { virtualTokensSchema } from "./virtual-tokens.ts";

const schema = z.strictObject({
  type: z
    .literal("prefix-tuning")
    .describe("Trains keys and values of virtual tokens in every layer (arXiv 2101.00190)."),
  tokens: virtualTokensSchema,
});

export type PrefixTuningMethod = z.output<typeof schema>;

export const prefixTuning = {
  name: "prefix-tuning",
  schema,
  startsAsBase: false,
  choices: [
    {
      label: "Prefix tuning",
      description: "20 virtual tokens in every layer",
      detail: "As prompt tuning, with more to learn in each layer.",
      place: 80,
      recipe: { method: { type: "prefix-tuning", tokens: 20 } },
    },
  ],
  word: () => "prefix",
  text: ({ type, tokens }) => `${type}, ${tokens} tokens`,
  title: ({ tokens }) => `Prefix tuning, ${tokens} tokens`,
  settings: ({ tokens }) => [
    { label: "Method", value: "prefix tuning" },
    { label: "Virtual tokens", value: String(tokens) },
  ],
  // PEFT's examples: 3e-2 for prompts, 1e-2 for prefixes.
  learningRate: () => ({ large: 1e-2, tiny: 1e-1 }),
  virtualTokens: ({ tokens }) => tokens,
  layers: () => undefined,
} as const satisfies MethodFacts<PrefixTuningMethod, z.input<typeof schema>>;
