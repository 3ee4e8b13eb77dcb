import * as z from "zod";
import type { MethodFacts } from "../method.ts";
import { virtualTokensSchema } from "./virtual-tokens.ts";

const schema = z.strictObject({
  type: z
    .literal("prompt-tuning")
    .describe("Trains the embeddings of virtual tokens (arXiv 2104.08691)."),
  tokens: virtualTokensSchema,
  init: z
    .enum(["vocabulary", "random", "text"])
    .default("vocabulary")
    .describe(
      "Where the virtual tokens start: as tokens drawn from the vocabulary, at random with the embeddings' own spread, or as the tokens of initText, repeated.",
    ),
  initText: z.string().min(1).optional(),
});

export type PromptTuningMethod = z.output<typeof schema>;

export const promptTuning = {
  name: "prompt-tuning",
  schema,
  startsAsBase: false,
  choices: [
    {
      label: "Prompt tuning",
      description: "20 virtual tokens",
      detail:
        "Learns words that no one could type: the smallest file; slow to learn, best on large models.",
      place: 70,
      recipe: { method: { type: "prompt-tuning", tokens: 20 } },
    },
  ],
  word: () => "prompt",
  text: ({ type, tokens }) => `${type}, ${tokens} tokens`,
  title: ({ tokens }) => `Prompt tuning, ${tokens} tokens`,
  settings: ({ tokens, init, initText }) => [
    { label: "Method", value: "prompt tuning" },
    { label: "Virtual tokens", value: String(tokens) },
    { label: "Start from", value: initText ?? init },
  ],
  // PEFT's examples: 3e-2 for prompts, 1e-2 for prefixes.
  learningRate: () => ({ large: 1e-2, tiny: 2e-1 }),
  virtualTokens: ({ tokens }) => tokens,
  layers: () => undefined,
  contradictions: ({ method: { init, initText } }) =>
    (init === "text") === (initText !== undefined)
      ? []
      : [
          {
            keys: ["method", "init"],
            message: 'method.init "text" and method.initText need each other',
          },
        ],
} as const satisfies MethodFacts<PromptTuningMethod, z.input<typeof schema>>;
