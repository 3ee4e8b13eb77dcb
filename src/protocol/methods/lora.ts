import * as z from "zod";
import { pythonPattern } from "../../util/python-pattern.ts";
import { type Contradiction, contradictionOf } from "../contradiction.ts";
import type { MethodFacts, MethodSetting, RecipeOf } from "../method.ts";
import { factor, positiveInt } from "../recipe-limits.ts";
import {
  TARGETS_ALL_LINEAR,
  targetLayers,
  targetsContradiction,
  targetsSchema,
  targetsText,
} from "./targets.ts";

const schema = z.strictObject({
  type: z.literal("lora"),
  rank: positiveInt.max(4096).default(8).describe("Rank r of the update B·A. 8–64 is usual."),
  alpha: factor
    .default(16)
    .describe("The update is scaled by alpha / rank (rsLoRA: alpha / sqrt(rank))."),
  dropout: z
    .number()
    .min(0)
    .lt(1)
    .default(0)
    .describe("Probability of dropping an input of the adapter while training."),
  targets: targetsSchema
    .default(TARGETS_ALL_LINEAR)
    .describe(
      'Target modules: a list of module names ("q_proj"), a regular expression over full module paths, or "all-linear" (every linear layer but the head).',
    ),
  loraPlusRatio: factor
    .optional()
    .describe(
      "LoRA+ (arXiv 2402.12354): B's learning rate is so many times A's, and as in PEFT that of tensors with one axis (DoRA's magnitudes, norms in modulesToSave). 16 is usual; the learning rate itself should then be lower.",
    ),
  variant: z
    .enum(["lora", "rslora", "dora"])
    .default("lora")
    .describe(
      "rslora scales by alpha / sqrt(rank) (arXiv 2312.03732); dora trains the length of each weight row, of embeddings each column, apart (arXiv 2402.09353).",
    ),
  init: z
    .enum(["default", "pissa"])
    .optional()
    .describe(
      "Where the adapter starts: default (or left out) as PEFT's LoRA, A at random and B zero; pissa as the principal part of each weight (arXiv 2404.02948), saved as plain LoRA of twice the rank.",
    ),
  rankPattern: z
    .record(z.string().min(1), positiveInt.max(4096))
    .optional()
    .describe(
      'Ranks of some modules: regular expressions over the end of a module\'s path, the first that matches counts, e.g. {"down_proj": 16}.',
    ),
  alphaPattern: z
    .record(z.string().min(1), factor)
    .optional()
    .describe("Alphas of some modules, as rankPattern."),
  modulesToSave: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe(
      'Modules of the base that are trained whole beside the adapter and saved in it, e.g. ["norm"].',
    ),
});

export type LoraMethod = z.output<typeof schema>;

export const PISSA_GOES_WITH =
  'method.init "pissa" goes with lora and rslora on linear layers, without dropout and modulesToSave';

const VARIANTS = { lora: "LoRA", rslora: "rsLoRA", dora: "DoRA" } as const;

export const lora = {
  name: "lora",
  schema,
  startsAsBase: true,
  overQuantised: true,
  choices: [
    {
      label: "LoRA",
      description: "rank 8, all linear layers",
      detail: "The one to begin with: near full fine-tuning's quality, and every tool loads it.",
      place: 10,
      recipe: { method: { type: "lora", rank: 8, alpha: 16, targets: "all-linear" } },
    },
    {
      label: "rsLoRA",
      description: "rank 32, all linear layers",
      detail: "LoRA for high ranks: more room to learn from much data, at a steady scale.",
      place: 20,
      recipe: {
        method: { type: "lora", variant: "rslora", rank: 32, alpha: 16, targets: "all-linear" },
      },
    },
    {
      label: "DoRA",
      description: "rank 8, all linear layers",
      detail: "LoRA that also learns each weight row's length: often better at low rank, slower.",
      place: 30,
      recipe: {
        method: { type: "lora", variant: "dora", rank: 8, alpha: 16, targets: "all-linear" },
      },
    },
  ],
  word: ({ variant }) => VARIANTS[variant],
  text: ({ variant, rank, alpha }) => `${variant}, rank ${rank}, alpha ${alpha}`,
  title: ({ variant, rank }) => `${VARIANTS[variant]}, rank ${rank}`,
  settings,
  // LLaMA-Factory's and QLoRA's examples: 1e-4 to 2e-4.
  learningRate: () => ({ large: 2e-4, tiny: 2e-3 }),
  // LoRA+ as PEFT groups it: what has one axis (DoRA's magnitudes, norms) goes with B.
  rateOf: ({ loraPlusRatio = 1 }, { name, shape }) =>
    name.includes(".lora_B.") || shape.length === 1 ? loraPlusRatio : 1,
  layers: ({ targets }) => targetLayers(targets),
  contradictions,
} as const satisfies MethodFacts<LoraMethod, z.input<typeof schema>>;

function settings(method: LoraMethod): MethodSetting[] {
  return [
    { label: "Method", value: VARIANTS[method.variant] },
    ...(method.init === "pissa" ? [{ label: "Starts as", value: "principal part (PiSSA)" }] : []),
    { label: "Rank", value: String(method.rank) },
    { label: "Alpha", value: method.alpha },
    { label: "Scale", value: scaleOf(method) },
    { label: "Dropout", value: method.dropout },
    ...(method.loraPlusRatio === undefined
      ? []
      : [{ label: "LoRA+ ratio", value: method.loraPlusRatio }]),
    { label: "Targets", value: targetsText(method.targets) },
    ...patternSetting("Ranks of", method.rankPattern),
    ...patternSetting("Alphas of", method.alphaPattern),
    ...(method.modulesToSave === undefined
      ? []
      : [{ label: "Trained whole", value: method.modulesToSave.join(", ") }]),
  ];
}

function scaleOf({ alpha, rank, variant }: LoraMethod): number {
  return alpha / (variant === "rslora" ? Math.sqrt(rank) : rank);
}

function patternSetting(
  label: string,
  patterns: Readonly<Record<string, number>> | undefined,
): MethodSetting[] {
  if (!patterns) return [];
  const value = Object.entries(patterns).map(([pattern, own]) => `${pattern}: ${own}`);
  return [{ label, value: value.join(", ") }];
}

function contradictions({
  method,
  quantization = "none",
}: RecipeOf<LoraMethod> & { quantization?: string }): Contradiction[] {
  const { init, variant, dropout, modulesToSave, targets, rankPattern, alphaPattern } = method;
  // Embeddings and the head stay as they are; other targets are known when the base is.
  const needsQuantised = quantization !== "none" && targets === TARGETS_ALL_LINEAR;
  const found: Contradiction[] = [];
  if (init === "pissa" && (variant === "dora" || dropout > 0 || modulesToSave)) {
    found.push({ keys: ["method", "init"], message: PISSA_GOES_WITH });
  }
  if (init === "pissa" && needsQuantised) {
    const message = 'method.init "pissa" needs the weights as they are; leave quantization out';
    found.push({ keys: ["quantization"], message });
  }
  if (variant === "dora" && needsQuantised) {
    const message = "DoRA needs the weights as they are; leave quantization out";
    found.push({ keys: ["quantization"], message });
  }
  const patterns = Object.entries({ rankPattern, alphaPattern }).flatMap(([key, each = {}]) =>
    Object.keys(each).map((pattern) => ({ key, pattern })),
  );
  return [
    ...found,
    ...targetsContradiction(targets),
    ...patterns.flatMap(({ key, pattern }) =>
      contradictionOf(["method", key, pattern], () => pythonPattern(pattern, `method.${key}`)),
    ),
  ];
}
