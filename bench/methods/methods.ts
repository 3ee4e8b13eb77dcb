/** The methods that are compared: each with the learning rate that `retune` gives it, or its usual own. */
import type { RecipeInput } from "../../src/protocol/recipe.ts";

/** Recipes with objective classification. */
export const CLASSIFIERS: Readonly<Record<string, Partial<RecipeInput>>> = {
  head: { method: { type: "head" }, epochs: 20, objective: { type: "classification" } },
  "last 2 blocks": { method: { type: "freeze" }, trainLast: 2 },
  full: { method: { type: "full" } },
  "LP-FT": { method: { type: "full" }, objective: { type: "classification", probe: {} } },
  LoRA: { method: { type: "lora" } },
  "LoRA after a probe": {
    method: { type: "lora" },
    objective: { type: "classification", probe: {} },
  },
  "rsLoRA, rank 32": { method: { type: "lora", variant: "rslora", rank: 32 } },
  DoRA: { method: { type: "lora", variant: "dora" } },
  "(IA)³": { method: { type: "ia3" } },
  "prompt tuning": { method: { type: "prompt-tuning" } },
  "prefix tuning": { method: { type: "prefix-tuning" } },
  LoReFT: { method: { type: "loreft", positions: "f3+l3" } },
  DiReFT: { method: { type: "direft", positions: "f3+l3" } },
  NoReFT: { method: { type: "noreft", positions: "f3+l3" } },
};

export const METHODS: Readonly<Record<string, Partial<RecipeInput>>> = {
  full: { method: { type: "full" } },
  "last 2 blocks": { method: { type: "freeze" }, trainLast: 2 },
  "norms and biases": {
    method: { type: "freeze" },
    freeze: ["*", "!*norm"],
    optimizer: { learningRate: 1e-3 },
  },
  LoRA: { method: { type: "lora" } },
  "LoRA+ (ratio 8)": { method: { type: "lora", loraPlusRatio: 8 } },
  "rsLoRA, rank 32": { method: { type: "lora", variant: "rslora", rank: 32 } },
  DoRA: { method: { type: "lora", variant: "dora" } },
  "(IA)³": { method: { type: "ia3" } },
  "prompt tuning": { method: { type: "prompt-tuning" } },
  "prefix tuning": { method: { type: "prefix-tuning" } },
  LoReFT: { method: { type: "loreft", positions: "f3+l3" } },
  DiReFT: { method: { type: "direft", positions: "f3+l3" } },
  NoReFT: { method: { type: "noreft", positions: "f3+l3" } },
};
