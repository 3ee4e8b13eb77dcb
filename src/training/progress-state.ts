/** What state.json says of how far a run is. */
import type { ClassifierEvaluation } from "../protocol/evaluation.ts";
import type { RunState } from "../protocol/run-folder.ts";
import type { Progress } from "./checkpoint.ts";
import type { TrainingPlan } from "./training-plan.ts";

export function stateOf(
  { step, elapsedMs, lastLoss, lastEvalLoss, best, labelled }: Progress,
  plan: TrainingPlan,
): { [Key in keyof RunState]?: RunState[Key] | undefined } {
  return {
    step,
    epoch: plan.epochAt(step),
    elapsedMs,
    loss: lastLoss,
    evalLoss: lastEvalLoss,
    evalAccuracy: labelled && accuracyOf(labelled),
    bestEvalLoss: best?.evalLoss,
    bestStep: best?.step,
  };
}

export function accuracyOf(evaluation: ClassifierEvaluation): number | undefined {
  return "accuracy" in evaluation ? evaluation.accuracy : undefined;
}
