/** The methods that Start Run… offers, each with settings that learn, and what it is good for. */
import type { RecipeInput } from "../../protocol/recipe.ts";

export interface MethodChoice {
  label: string;
  /** What it is good for, in a line. */
  detail: string;
  /** What is trained, said short. */
  description: string;
  recipe: Pick<RecipeInput, "method" | "trainLast" | "freeze" | "objective">;
}

export const METHOD_CHOICES: readonly MethodChoice[] = [
  {
    label: "LoRA",
    description: "rank 8, all linear layers",
    detail: "The one to begin with: near full fine-tuning's quality, and every tool loads it.",
    recipe: { method: { type: "lora", rank: 8, alpha: 16, targets: "all-linear" } },
  },
  {
    label: "rsLoRA",
    description: "rank 32, all linear layers",
    detail: "LoRA for high ranks: more room to learn from much data, at a steady scale.",
    recipe: {
      method: { type: "lora", variant: "rslora", rank: 32, alpha: 16, targets: "all-linear" },
    },
  },
  {
    label: "DoRA",
    description: "rank 8, all linear layers",
    detail: "LoRA that also learns each weight row's length: often better at low rank, slower.",
    recipe: {
      method: { type: "lora", variant: "dora", rank: 8, alpha: 16, targets: "all-linear" },
    },
  },
  {
    label: "LoReFT",
    description: "rank 8, all blocks, both ends of the prompt",
    detail:
      "Edits what the model makes of the prompt: few numbers; for style and instructions, not sums.",
    recipe: { method: { type: "loreft", rank: 8, layers: "all", positions: "auto" } },
  },
  {
    label: "DiReFT",
    description: "rank 8, all blocks, both ends of the prompt",
    detail: "LoReFT without taking away what was there: a little faster, much the same use.",
    recipe: { method: { type: "direft", rank: 8, layers: "all", positions: "auto" } },
  },
  {
    label: "(IA)³",
    description: "scales of attention and feed-forward",
    detail: "A few thousand scales: for few examples, and adapters by the hundred.",
    recipe: { method: { type: "ia3" } },
  },
  {
    label: "Prompt tuning",
    description: "20 virtual tokens",
    detail:
      "Learns words that no one could type: the smallest file; slow to learn, best on large models.",
    recipe: { method: { type: "prompt-tuning", tokens: 20 } },
  },
  {
    label: "Prefix tuning",
    description: "20 virtual tokens in every layer",
    detail: "As prompt tuning, with more to learn in each layer.",
    recipe: { method: { type: "prefix-tuning", tokens: 20 } },
  },
  {
    label: "Freeze",
    description: "the last two blocks",
    detail:
      "Trains a part of the model itself, here its last blocks: little memory, a whole model out.",
    recipe: { method: { type: "freeze" }, trainLast: 2 },
  },
  {
    label: "Full fine-tuning",
    description: "every tensor",
    detail: "Changes the most, for much data and new languages; takes the most memory.",
    recipe: { method: { type: "full" } },
  },
  {
    label: "Head",
    description: "linear probe: labels rows",
    detail:
      "Trains a new head that labels rows, on the untouched base: seconds, and the figure to beat.",
    recipe: { method: { type: "head" }, objective: { type: "classification" } },
  },
  {
    label: "LP-FT",
    description: "a probed head, then every tensor",
    detail:
      "Labels rows: probes the head, then tunes all from there; keeps more of what the base knows.",
    recipe: { method: { type: "full" }, objective: { type: "classification", probe: {} } },
  },
];
