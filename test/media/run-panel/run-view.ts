import type { RunView } from "../../../src/protocol/panel-messages.ts";
import { methodView } from "../../../src/protocol/methods.ts";
import { objectiveView } from "../../../src/protocol/objectives.ts";
import { resolvedRecipeSchema } from "../../../src/protocol/recipe.ts";

const recipe = resolvedRecipeSchema.parse({
  name: "support-tone",
  base: "/models/SmolLM2-135M-Instruct",
  method: { type: "lora", rank: 16, alpha: 32 },
  data: { train: "/data/train.jsonl", evalSplit: 0.1 },
  optimizer: { learningRate: 2e-4, warmupSteps: 0.1 },
  source: { retuneVersion: "0.1.0", createdAt: "2026-11-23T10:00:00Z" },
});

/** A run half-way, with whatever a test wants different. */
export function runView(changes: Partial<RunView> = {}): RunView {
  return {
    runDir: "/home/me/project/.retune/runs/a",
    name: "support-tone",
    status: "running",
    state: {
      status: "running",
      step: 120,
      totalSteps: 300,
      epoch: 1.2,
      createdAt: "2026-11-23T10:00:00Z",
    },
    recipe,
    method: methodView(recipe.method),
    objective: objectiveView(changes.recipe?.objective ?? recipe.objective),
    hasOutput: false,
    hasCheckpoint: true,
    ...changes,
  };
}
