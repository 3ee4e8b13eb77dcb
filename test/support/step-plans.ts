import type { StepForm } from "../../src/onnx-engine/ort-graphs.ts";
import type { StepPlan } from "../../src/onnx-engine/step-form.ts";

/** A step in one piece but for what `form` says. */
export function stepPlan(form: Partial<StepForm>): StepPlan {
  const whole: StepForm = { blocks: 1, rowChunks: 1, vocabularyChunks: 1, kept: "all" };
  return { form: { ...whole, ...form }, maxTokens: 1e6, prepack: false };
}

/** One step in one piece, and as a step with little memory is cut. */
export function stepPlans(cut: { rowChunks: number; maxTokens: number }): Record<string, StepPlan> {
  const { rowChunks, maxTokens } = cut;
  return {
    whole: stepPlan({}),
    "in parts": { ...stepPlan({ blocks: 2, rowChunks, kept: "layers" }), maxTokens },
  };
}
