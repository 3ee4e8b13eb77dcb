/** What state.json says of how far a run is. */
import { objectiveFacts } from "../protocol/objectives.ts";
import type { ResolvedRecipe } from "../protocol/recipe.ts";
import type { RunState } from "../protocol/run-folder.ts";
import type { RowSource } from "../objectives/objective.ts";
import type { Progress } from "./checkpoint.ts";

type StateChange = { [Key in keyof RunState]?: RunState[Key] | undefined };

export function stateOf(
  { step, elapsedMs, lastLoss, lastEvalLoss, best, labelled }: Progress,
  rows: RowSource,
  recipe: Pick<ResolvedRecipe, "objective">,
): StateChange {
  return {
    step,
    epoch: rows.epochAt(step),
    elapsedMs,
    loss: lastLoss,
    evalLoss: lastEvalLoss,
    ...headlineOf(labelled, recipe),
    bestEvalLoss: best?.evalLoss,
    bestStep: best?.step,
  };
}

/** The figure that the run is known by, as an evaluation's report has it. */
export function headlineOf(
  report: object | undefined,
  { objective }: Pick<ResolvedRecipe, "objective">,
): StateChange {
  const { headline } = objectiveFacts(objective);
  return headline ? { [headline.figure]: report && headline.of(report) } : {};
}
