import type { LabAction, InterpolationView } from "../../src/protocol/lab-messages.ts";
import { baseName, formatDuration } from "../shared/format.ts";
import type { Banner, HeaderButton, HeaderView, ProgressView } from "../shared/header.ts";
import { isLive } from "../shared/status-label.ts";

/** What the header says of an interpolation. */
export function headerView(interpolation: InterpolationView): HeaderView<LabAction> {
  const { name, status, definition, interpolationDir } = interpolation;
  const tuned = definition?.tuned ?? definition?.adapter;
  const subtitle =
    definition === undefined || tuned === undefined
      ? { text: baseName(interpolationDir), title: interpolationDir }
      : {
          text: `Interpolation · alpha 0: ${endName(definition.base)} · alpha 1: ${endName(tuned)}`,
          title: `alpha 0: ${definition.base}\nalpha 1: ${tuned}\n${interpolationDir}`,
        };
  return {
    name,
    status,
    subtitle,
    buttons: buttonsOf(interpolation),
    banner: bannerOf(interpolation),
  };
}

/** `model` and `adapter` are what every run calls its result: the run's own name says more. */
function endName(path: string): string {
  const own = baseName(path);
  if (own !== "model" && own !== "adapter") return own;
  return baseName(path.slice(0, path.lastIndexOf(own)));
}

function buttonsOf({ status, points, problem }: InterpolationView): HeaderButton<LabAction>[] {
  const button = (action: LabAction, label: string, options = {}): HeaderButton<LabAction> => ({
    action,
    label,
    primary: false,
    disabled: false,
    ...options,
  });
  const buttons: HeaderButton<LabAction>[] = [];
  if (isLive(status)) {
    const stopping = status === "stopping";
    buttons.push(button("stop", stopping ? "Stopping…" : "Stop", { disabled: stopping }));
  } else if (status !== "finished" && problem === undefined) {
    const label = points.length > 0 ? "Continue" : "Try Again";
    buttons.push(button("continue", label, { primary: true }));
  }
  if (points.length > 0) {
    buttons.push(button("exportCsv", "Export CSV"), button("exportJson", "Export JSON"));
  }
  return [...buttons, button("showLog", "Show Log")];
}

function bannerOf({
  status,
  state,
  problem,
  points,
}: InterpolationView): Banner<LabAction> | undefined {
  if (problem !== undefined) {
    return {
      tone: "bad",
      title: "This interpolation's folder can't be read whole",
      message: problem,
      hint: "The rest is shown as far as it can be read.",
    };
  }
  const hint =
    points.length > 0
      ? "Continue computes the alphas that have no point yet."
      : "Try Again starts it anew.";
  if (status === "failed") {
    const unknown = "The process gave no reason; the log may tell more.";
    const title =
      points.length > 0
        ? `The interpolation failed after ${points.length} points`
        : "The interpolation failed before its first point";
    return { tone: "bad", title, message: state?.message ?? unknown, hint };
  }
  if (status === "interrupted") {
    const message = "It was killed, or the machine restarted. No point is lost.";
    return { tone: "bad", title: "The interpolation's process is gone", message, hint };
  }
  return undefined;
}

export function progressView(interpolation: InterpolationView): ProgressView {
  const { status, state, definition, points } = interpolation;
  const total = definition?.alphas.length;
  const measured = `${points.length}${total === undefined ? "" : ` of ${total}`} alphas measured`;
  const elapsed =
    state?.elapsedMs === undefined || isLive(status)
      ? []
      : [`${formatDuration(state.elapsedMs)} of computing`];
  const phase = isLive(status) && state?.phase !== undefined ? [state.phase] : [];
  const isKnown = total !== undefined && (points.length > 0 || !isLive(status));
  const share = status === "finished" ? 1 : isKnown ? points.length / total : undefined;
  if (status === "queued") return { text: "Waits to be started", share: 0, status };
  return { text: [measured, ...phase, ...elapsed].join(" · "), share, status };
}

export function emptyText({ status }: InterpolationView): string {
  return isLive(status)
    ? "The first point appears when the base is evaluated on all data."
    : "This interpolation has no point.";
}
