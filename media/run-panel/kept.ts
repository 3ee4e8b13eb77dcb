/** Which step's weights are the run's result: the figures and the chart speak of the same one. */
import type { RunView } from "../../src/protocol/panel-messages.ts";

export interface KeptMark {
  step: number;
  /** "kept" once the run has ended, "best so far" while it may still change. */
  label: "kept" | "best so far";
}

type Told = Pick<RunView, "state" | "recipe" | "foreign">;

/** Undefined where nothing was chosen: nothing was evaluated yet, or the last weights are kept anyway. */
export function keptMark({ state, recipe, foreign }: Told): KeptMark | undefined {
  if ((recipe ?? foreign)?.keepBest !== true || state?.bestStep === undefined) return undefined;
  const hasEnded = state.status === "finished" || state.status === "stopped";
  return { step: state.bestStep, label: hasEnded ? "kept" : "best so far" };
}
