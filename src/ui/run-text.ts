/** The words that describe a run, the same in the tree, the status bar and the notifications. */
import { methodWord } from "../protocol/methods.ts";
import { OBJECTIVES } from "../protocol/objectives.ts";
import type { Run } from "../run-folder/run.ts";
import { formatDuration, formatLoss, formatWhen } from "../util/format.ts";

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

interface RunFigure {
  label: string;
  value: string;
}

/** An objective's own, where a run's state has it: it says more than the loss. */
export function headlineOf(state: Run["state"]): RunFigure | undefined {
  const named: Readonly<Record<string, unknown>> = state ?? {};
  for (const { headline, figures } of OBJECTIVES.all) {
    const value = headline && named[headline.figure];
    const facts = figures.find(({ name }) => name === headline?.figure);
    if (typeof value !== "number" || !facts) continue;
    const text = facts.unit === "share" ? `${(100 * value).toFixed(1)} %` : formatLoss(value);
    return { label: facts.label, value: text };
  }
  return undefined;
}

/** The figure that a run is known by: of the weights that it kept, as its panel shows it. */
export function figureOf({
  state,
  recipe,
  foreign,
}: Pick<Run, "state" | "recipe" | "foreign">): RunFigure | undefined {
  const { loss, evalLoss, bestEvalLoss } = state ?? {};
  const headline = headlineOf(state);
  if (headline) return { ...headline, label: headline.label.toLowerCase() };
  const evaluated =
    ((recipe ?? foreign)?.keepBest === false ? undefined : bestEvalLoss) ?? evalLoss;
  if (evaluated !== undefined) return { label: "eval loss", value: formatLoss(evaluated) };
  return loss === undefined ? undefined : { label: "loss", value: formatLoss(loss) };
}

/** "eval loss 1.304" */
function lossText(run: Run): string | undefined {
  const figure = figureOf(run);
  return figure && `${figure.label} ${figure.value}`;
}

/** "LoRA", in few letters: it stands in rows of a side bar. */
function wordOf(run: Pick<Run, "recipe" | "foreign">): string | undefined {
  const method = run.recipe?.method;
  if (method === undefined) return run.foreign?.method ?? run.foreign?.engine;
  return methodWord(method);
}

/** What fits behind a name in a side bar of default width: "1.304 · LoRA · 14:02" */
export function runRowText(run: Run, now = Date.now()): string {
  if (run.status !== "finished" || run.problem !== undefined || run.state === undefined) {
    return describeRun(run, now);
  }
  return joined(figureOf(run)?.value, wordOf(run), endedText(run.state, now));
}

function joined(...parts: (string | undefined)[]): string {
  return parts.filter(Boolean).join(" · ");
}

/**
 * What pickers and the status bar say of a run, the most telling first: of one that has ended its
 * figure, its method and when it ended.
 * @param now the clock, in milliseconds
 */
export function describeRun(run: Run, now = Date.now()): string {
  const { state } = run;
  if (run.problem !== undefined || state === undefined) return run.problem ?? "can't be read";
  switch (run.status) {
    case "queued":
      return "waiting to start";
    case "starting":
      return state.phase ?? "starting";
    case "running":
      return joined(stepText(run), runningText(state));
    case "stopping":
      return joined(stepText(run), "stopping");
    case "finished":
      return joined(lossText(run), wordOf(run), endedText(state, now));
    case "stopped":
      return joined(
        `stopped at ${stepText(run)}`,
        lossText(run),
        wordOf(run),
        endedText(state, now),
      );
    case "interrupted":
      return joined(`interrupted at ${stepText(run)}`, wordOf(run), endedText(state, now));
    case "failed":
      return state.message ?? "failed";
  }
}

function runningText({ loss, phase }: NonNullable<Run["state"]>): string | undefined {
  return loss === undefined ? phase : `loss ${formatLoss(loss)}`;
}

function endedText(state: NonNullable<Run["state"]>, now: number): string {
  return formatWhen(state.endedAt ?? state.heartbeatAt ?? state.createdAt, now);
}

function figureRemark(run: Run): string {
  const loss = lossText(run);
  return loss === undefined ? "" : `, ${loss}`;
}

/** That it had to be killed, or that the last weights were kept and not the best. */
function remark({ state }: Run): string {
  const message = state?.message;
  return message === undefined ? "" : ` ${message[0]?.toUpperCase()}${message.slice(1)}.`;
}

function resumeText({ foreign }: Run): string {
  if (foreign === undefined) return "Resume continues from the last checkpoint.";
  return `It can't be resumed here: ${foreign.reason}.`;
}

/** One sentence for a notification when the run has ended. */
export function endSentence(run: Run): string {
  const duration = durationText(run);
  const after = duration === undefined ? "" : ` after ${duration}`;
  switch (run.status) {
    case "finished":
      return `${run.name} finished${after}${figureRemark(run)}.${remark(run)}`;
    case "stopped":
      return `${run.name} stopped at step ${stepText(run)}${after}.${remark(run)}`;
    case "interrupted":
      return `${run.name} was interrupted at step ${stepText(run)}: its process is gone. ${resumeText(run)}`;
    case "failed":
      return `${run.name} failed: ${run.state?.message ?? run.problem ?? "no reason was written"}`;
    case "queued":
    case "starting":
    case "running":
    case "stopping":
      return `${run.name} is ${run.status}.`;
  }
}
