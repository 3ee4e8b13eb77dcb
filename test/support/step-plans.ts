import type { StepPlan } from "../../src/onnx-engine/step-form.ts";

/** One step in one piece, and as a step with little memory is cut. */
export function stepPlans(cut: { rowChunks: number; maxTokens: number }): Record<string, StepPlan> {
  return {
    whole: {
      form: { blocks: 1, rowChunks: 1, vocabularyChunks: 1, kept: "all" },
      maxTokens: 1e6,
      prepack: false,
    },
    "in parts": {
      form: { blocks: 2, rowChunks: cut.rowChunks, vocabularyChunks: 1, kept: "layers" },
      maxTokens: cut.maxTokens,
      prepack: false,
    },
  };
}
