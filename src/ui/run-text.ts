/** The words that describe a run, the same in the tree, the status bar and the notifications. */
import type { Run } from "../runs/run.ts";
import { formatDuration, formatLoss } from "../util/format.ts";

/** "120/600", or "120" while the total is not known */
export function stepText(run: Run): string {
  const { step = 0, totalSteps } = run.state ?? {};
  return totalSteps === undefined ? String(step) : `${step}/${totalSteps}`;
}

/** Share of the steps done, 0 to 1. */
export function progressOf(run: Run): number {
  const { step = 0, totalSteps } = run.state ?? {};
  return totalSteps ? Math.min(1, step / totalSteps) : 0;
}

function durationText(run: Run): string | undefined {
  const { elapsedMs, startedAt, endedAt } = run.state ?? {};
  if (elapsedMs !== undefined) return formatDuration(elapsedMs);
  if (startedAt === undefined || endedAt === undefined) return undefined;
  return formatDuration(Date.parse(endedAt) - Date.parse(startedAt));
}

function lossText(run: Run): string | undefined {
  const { loss, evalLoss, evalAccuracy, bestEvalLoss } = run.state ?? {};
  // Of a classifier, where it says more than the loss.
  if (evalAccuracy !== undefined) return `accuracy ${(100 * evalAccuracy).toFixed(1)} %`;
  const evaluated = bestEvalLoss ?? evalLoss;
  if (evaluated !== undefined) return `eval loss ${formatLoss(evaluated)}`;
  return loss === undefined ? undefined : `loss ${formatLoss(loss)}`;
}

/** What stands behind the run's name in the tree. */
export function describeRun(run: Run): string {
  const { state } = run;
  if (run.problem !== undefined || state === undefined) return run.problem ?? "can't be read";
  const join = (...parts: (string | undefined)[]) => parts.filter(Boolean).join(" · ");
  switch (run.status) {
    case "queued":
      return "waiting to start";
    case "starting":
      return state.phase ?? "starting";
    case "running":
      return join(
        stepText(run),
        state.loss === undefined ? state.phase : `loss ${formatLoss(state.loss)}`,
      );
    case "stopping":
      return join(stepText(run), "stopping");
    case "finished":
      return join(durationText(run), lossText(run));
    case "stopped":
      return join(`stopped at ${stepText(run)}`, lossText(run), durationText(run));
    case "interrupted":
      return join(`interrupted at ${stepText(run)}`, durationText(run));
    case "failed":
      return state.message ?? "failed";
  }
}

/** One sentence for a notification when the run has ended. */
export function endSentence(run: Run): string {
  const loss = lossText(run);
  const duration = durationText(run);
  const after = duration === undefined ? "" : ` after ${duration}`;
  switch (run.status) {
    case "finished":
      return `${run.name} finished${after}${loss === undefined ? "" : `, ${loss}`}.`;
    case "stopped":
      return `${run.name} stopped at step ${stepText(run)}${after}.`;
    case "interrupted":
      return `${run.name} was interrupted at step ${stepText(run)}: its process is gone. Resume continues from the last checkpoint.`;
    case "failed":
      return `${run.name} failed: ${run.state?.message ?? run.problem ?? "no reason was written"}`;
    case "queued":
    case "starting":
    case "running":
    case "stopping":
      return `${run.name} is ${run.status}.`;
  }
}
