/** LoReFT and its kin: one schema, three methods. */
import * as z from "zod";
import type { MethodFacts } from "../method.ts";
import { positiveInt } from "../recipe-limits.ts";

const schema = z.strictObject({
  type: z
    .enum(["loreft", "direft", "noreft"])
    .describe(
      "Representation fine-tuning (arXiv 2404.03592): edits hidden states of the prompt. loreft: in a low-rank subspace that stays orthonormal; direft: the same without subtracting what was there; noreft: without orthonormality.",
    ),
  rank: positiveInt.max(4096).default(8).describe("Rank of each intervention."),
  layers: z
    .union([z.literal("all"), z.array(z.int().min(0)).min(1)])
    .default("all")
    .describe("Blocks after which to intervene, 0-based."),
  positions: z
    .string()
    .regex(
      /^(auto|f[1-9]\d*|l[1-9]\d*|f[1-9]\d*\+l[1-9]\d*)$/u,
      'expected "auto", or e.g. "f7+l7", "f1" or "l1"',
    )
    .default("auto")
    .describe(
      'Tokens of the prompt to edit: so many first and so many last ones. "auto": seven of each, or what half of the training data\'s prompts have room for; shorter ones take what they have.',
    ),
  tied: z
    .boolean()
    .default(true)
    .describe("One intervention for first and last tokens alike; false: one for each end."),
  dropout: z
    .number()
    .min(0)
    .lt(1)
    .default(0)
    .describe("Probability of dropping an element of an edited state while training."),
});

export type ReftMethod = z.output<typeof schema>;

type Facts = MethodFacts<ReftMethod, z.input<typeof schema>>;

const shared = (word: string) =>
  ({
    schema,
    startsAsBase: false,
    word: () => word,
    text: ({ type, rank, positions }) => `${type}, rank ${rank}, ${positions}`,
    title: ({ rank }) => `${word}, rank ${rank}`,
    settings: ({ rank, layers, positions, tied, dropout }) => [
      { label: "Method", value: word },
      { label: "Rank", value: String(rank) },
      { label: "Blocks", value: layers === "all" ? "all" : layers.join(", ") },
      { label: "Positions", value: `${positions}, ${tied ? "tied" : "untied"}` },
      { label: "Dropout", value: dropout },
    ],
    // arXiv 2404.03592, instruction tuning of Llama 7B.
    learningRate: () => ({ large: 9e-4, tiny: 3e-2 }),
    layers: ({ layers }) => ({
      kind: "blocks",
      key: "layers",
      has: ({ facts }) => {
        const block = facts.block?.index;
        return block !== undefined && (layers === "all" || layers.includes(block));
      },
    }),
  }) satisfies Omit<Facts, "name" | "choices">;

export const loreft = {
  ...shared("LoReFT"),
  name: "loreft",
  choices: [
    {
      label: "LoReFT",
      description: "rank 8, all blocks, both ends of the prompt",
      detail:
        "Edits what the model makes of the prompt: few numbers; for style and instructions, not sums.",
      place: 40,
      recipe: { method: { type: "loreft", rank: 8, layers: "all", positions: "auto" } },
    },
  ],
} as const satisfies Facts;

export const direft = {
  ...shared("DiReFT"),
  name: "direft",
  choices: [
    {
      label: "DiReFT",
      description: "rank 8, all blocks, both ends of the prompt",
      detail: "LoReFT without taking away what was there: a little faster, much the same use.",
      place: 50,
      recipe: { method: { type: "direft", rank: 8, layers: "all", positions: "auto" } },
    },
  ],
} as const satisfies Facts;

export const noreft = { ...shared("NoReFT"), name: "noreft", choices: [] } as const satisfies Facts;
