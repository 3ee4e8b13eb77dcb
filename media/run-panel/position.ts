import type { RunView } from "../../src/protocol/panel-messages.ts";
import type { MetricStore } from "./metric-store.ts";

/** The newest step that is known, and its epoch: metrics and state.json come at different times. */
export function positionOf(
  store: MetricStore,
  { state }: Pick<RunView, "state">,
): { step: number; epoch: number | undefined } {
  const drawn = store.step.at(-1) ?? 0;
  const told = state?.step ?? 0;
  if (told > drawn) return { step: told, epoch: state?.epoch };
  return { step: drawn, epoch: store.last("epoch") ?? state?.epoch };
}
