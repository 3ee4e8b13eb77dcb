import type { PanelAction, RunView } from "../../src/protocol/panel-messages.ts";
import { formatCount, formatDuration, formatEpoch } from "../shared/format.ts";
import type { Banner, HeaderButton } from "../shared/header.ts";
import { isLive } from "../shared/status-label.ts";

const button = (action: PanelAction, label: string, options = {}): HeaderButton<PanelAction> => ({
  action,
  label,
  primary: false,
  disabled: false,
  ...options,
});

export function actionButtons(run: RunView): HeaderButton<PanelAction>[] {
  const buttons: HeaderButton<PanelAction>[] = [];
  const { status } = run;
  if (isLive(status)) {
    const stopping = status === "stopping";
    buttons.push(button("stop", stopping ? "Stopping…" : "Stop", { disabled: stopping }));
  } else if (status !== "finished" && run.foreign === undefined) {
    buttons.push(button("resume", run.hasCheckpoint ? "Resume" : "Try Again", { primary: true }));
  }
  if (run.hasOutput) {
    const options = { primary: status === "finished" };
    // A classifier has no head for tokens.
    const use = run.objective.writesText
      ? button("generate", "Generate…", options)
      : button("classify", "Classify Text…", options);
    const isUsable = run.recipe !== undefined || run.foreign === undefined;
    if (isUsable) buttons.push(use);
    buttons.push(button("openOutput", outputLabel(run)));
  }
  buttons.push(button("showRecipe", "Show Recipe"), button("showLog", "Show Log"));
  return buttons;
}

function outputLabel(run: RunView): string {
  return run.method?.writesModel ? "Open Model Folder" : "Open Adapter Folder";
}

export function bannerOf(run: RunView): Banner<PanelAction> | undefined {
  if (run.problem !== undefined) {
    return {
      tone: "bad",
      title: "This run folder can't be read whole",
      message: run.problem,
      hint: "The rest of the run is shown as far as it can be read.",
    };
  }
  const hint = run.foreign
    ? `It can be shown, but not resumed here: ${run.foreign.reason}.`
    : run.hasCheckpoint
      ? "Resume continues from the newest checkpoint."
      : "No checkpoint was written: Try Again starts from the first step.";
  const step = formatCount(run.state?.step ?? 0);
  const reason = run.state?.message;
  if (run.status === "failed") {
    const place = run.state?.step === 0 ? "before its first step" : `at step ${step}`;
    const unknown = "The training process gave no reason; the log may tell more.";
    const { failedLine } = run;
    const open =
      failedLine === undefined ? {} : { button: button("openLine", `Open Line ${failedLine}`) };
    return {
      tone: "bad",
      title: `The run failed ${place}`,
      message: reason ?? unknown,
      hint,
      ...open,
    };
  }
  if (run.status === "interrupted") {
    const message = "It was killed, or the machine restarted. Nothing that was saved is lost.";
    const title = `The training process is gone; the last known step is ${step}`;
    return { tone: "bad", title, message, hint };
  }
  if (run.status === "stopped" && reason !== undefined) {
    return { tone: "idle", title: `Stopped at step ${step}`, message: reason, hint: "" };
  }
  return undefined;
}

/** What the progress line is made from; the page measures time, this puts it into words. */
export interface ProgressFacts {
  run: RunView;
  step: number;
  /** At that step; undefined while it is not known. */
  epoch: number | undefined;
  elapsedMs: number | undefined;
  remainingMs: number | undefined;
}

export function progressText(facts: ProgressFacts): string {
  const { run } = facts;
  switch (run.status) {
    case "queued":
      return "Waits to be started";
    case "starting":
      return run.state?.phase ?? "The training process starts";
    case "running":
    case "stopping":
      return joinParts([
        stepText(facts),
        epochText(facts),
        elapsedText(facts),
        remainingText(facts),
      ]);
    case "finished":
    case "stopped":
    case "failed":
    case "interrupted":
      return joinParts([stepText(facts), epochText(facts), elapsedText(facts), endText(run)]);
  }
}

/** Share done in [0, 1]; undefined: not known yet, the bar only shows that something goes on. */
export function progressShare({ run, step }: ProgressFacts): number | undefined {
  if (run.status === "finished") return 1;
  const total = run.state?.totalSteps;
  if (run.status === "starting" || total === undefined || total === 0) {
    return isLive(run.status) && run.status !== "queued" ? undefined : 0;
  }
  return Math.min(step / total, 1);
}

function joinParts(parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined).join(" · ");
}

function stepText({ run, step }: ProgressFacts): string {
  const total = run.state?.totalSteps;
  const of = total === undefined ? "" : ` of ${formatCount(total)}`;
  return `Step ${formatCount(step)}${of}`;
}

function epochText({ run, epoch }: ProgressFacts): string | undefined {
  if (epoch === undefined || epoch === 0) return undefined;
  const total = (run.recipe ?? run.foreign)?.epochs;
  return `epoch ${formatEpoch(epoch)}${total === undefined || run.recipe?.maxSteps !== undefined ? "" : ` of ${total}`}`;
}

function elapsedText({ run, elapsedMs }: ProgressFacts): string | undefined {
  if (elapsedMs === undefined) return undefined;
  const verb = isLive(run.status) ? "elapsed" : "of training";
  return `${formatDuration(elapsedMs)} ${verb}`;
}

function remainingText({ run, remainingMs }: ProgressFacts): string | undefined {
  if (run.status === "stopping") return "saving, then it ends";
  return remainingMs === undefined ? undefined : `about ${formatDuration(remainingMs)} left`;
}

function endText(run: RunView): string | undefined {
  const ended = run.state?.endedAt;
  if (ended === undefined) return undefined;
  const when = new Date(ended).toLocaleString(undefined, {
    dateStyle: "medium",
    timeStyle: "short",
  });
  return `ended ${when}`;
}
