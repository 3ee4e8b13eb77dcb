/** The words that describe a sweep, the same in the tree and the notifications. */
import type { Sweep } from "../runs/sweeps/sweep.ts";
import { summariseSweep } from "../runs/sweeps/summary.ts";
import { formatWhen } from "../util/format.ts";

/** "3/11 alphas" */
export function pointsText({ points, definition }: Sweep): string {
  return definition ? `${points.length}/${definition.alphas.length} alphas` : "";
}

/** "alpha 0.4", which is recommended, or how many were measured. */
function resultText(sweep: Sweep): string {
  const { definition, points } = sweep;
  const recommended = definition && summariseSweep(definition, points).recommended;
  return recommended ? `alpha ${recommended.alpha}` : pointsText(sweep);
}

/**
 * What stands behind the sweep's name in the tree.
 * @param now the clock, in milliseconds
 */
export function describeSweep(sweep: Sweep, now = Date.now()): string {
  const { state } = sweep;
  if (sweep.problem !== undefined || state === undefined) return sweep.problem ?? "can't be read";
  const join = (...parts: (string | undefined)[]) => parts.filter(Boolean).join(" · ");
  const ended = formatWhen(state.endedAt ?? state.createdAt, now);
  switch (sweep.status) {
    case "queued":
      return "waiting to start";
    case "starting":
    case "running":
      return join(pointsText(sweep), state.phase);
    case "stopping":
      return join(pointsText(sweep), "stopping");
    case "finished":
      return join(resultText(sweep), ended);
    case "stopped":
    case "interrupted":
      return join(`${sweep.status} at ${pointsText(sweep)}`, ended);
    case "failed":
      return state.message ?? "failed";
  }
}

/** One sentence for a notification when the sweep has ended. */
export function sweepEndSentence(sweep: Sweep): string {
  const { name, status, state, definition, points } = sweep;
  switch (status) {
    case "finished":
      return `${name}: ${definition ? summariseSweep(definition, points).advice : "finished."}`;
    case "failed":
      return `${name} failed: ${state?.message ?? sweep.problem ?? "no reason was written"}`;
    case "interrupted":
      return `${name} was interrupted at ${pointsText(sweep)}: its process is gone. Continue computes the others.`;
    case "queued":
    case "starting":
    case "running":
    case "stopping":
    case "stopped":
      return `${name} is ${status}.`;
  }
}
