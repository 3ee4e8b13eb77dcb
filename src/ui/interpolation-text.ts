/** The words that describe an interpolation, the same in the tree and the notifications. */
import type { Interpolation } from "../runs/interpolations/interpolation.ts";
import { summariseInterpolation } from "../runs/interpolations/summary.ts";
import { formatWhen } from "../util/format.ts";

/** "3/11 alphas" */
export function pointsText({ points, definition }: Interpolation): string {
  return definition ? `${points.length}/${definition.alphas.length} alphas` : "";
}

/** "alpha 0.4", which is recommended, or how many were measured. */
function resultText(interpolation: Interpolation): string {
  const { definition, points } = interpolation;
  const recommended = definition && summariseInterpolation(definition, points).recommended;
  return recommended ? `alpha ${recommended.alpha}` : pointsText(interpolation);
}

/**
 * What stands behind the interpolation's name in the tree.
 * @param now the clock, in milliseconds
 */
export function describeInterpolation(interpolation: Interpolation, now = Date.now()): string {
  const { state } = interpolation;
  if (interpolation.problem !== undefined || state === undefined)
    return interpolation.problem ?? "can't be read";
  const join = (...parts: (string | undefined)[]) => parts.filter(Boolean).join(" · ");
  const ended = formatWhen(state.endedAt ?? state.createdAt, now);
  switch (interpolation.status) {
    case "queued":
      return "waiting to start";
    case "starting":
    case "running":
      return join(pointsText(interpolation), state.phase);
    case "stopping":
      return join(pointsText(interpolation), "stopping");
    case "finished":
      return join(resultText(interpolation), ended);
    case "stopped":
    case "interrupted":
      return join(`${interpolation.status} at ${pointsText(interpolation)}`, ended);
    case "failed":
      return state.message ?? "failed";
  }
}

/** One sentence for a notification when the interpolation has ended. */
export function interpolationEndSentence(interpolation: Interpolation): string {
  const { name, status, state, definition, points } = interpolation;
  switch (status) {
    case "finished":
      return `${name}: ${definition ? summariseInterpolation(definition, points).advice : "finished."}`;
    case "failed":
      return `${name} failed: ${state?.message ?? interpolation.problem ?? "no reason was written"}`;
    case "interrupted":
      return `${name} was interrupted at ${pointsText(interpolation)}: its process is gone. Continue computes the others.`;
    case "queued":
    case "starting":
    case "running":
    case "stopping":
    case "stopped":
      return `${name} is ${status}.`;
  }
}
