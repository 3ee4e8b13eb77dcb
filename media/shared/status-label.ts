import type { RunStatus } from "../../src/protocol/run-folder.ts";

export type Tone = "active" | "good" | "bad" | "idle";

const LABELS: Record<RunStatus, { label: string; tone: Tone }> = {
  queued: { label: "Queued", tone: "idle" },
  starting: { label: "Starting", tone: "active" },
  running: { label: "Running", tone: "active" },
  stopping: { label: "Stopping", tone: "active" },
  finished: { label: "Finished", tone: "good" },
  stopped: { label: "Stopped", tone: "idle" },
  failed: { label: "Failed", tone: "bad" },
  interrupted: { label: "Interrupted", tone: "bad" },
};

export function statusLabel(status: RunStatus): { label: string; tone: Tone } {
  return LABELS[status];
}

/** True while a process works on the run or is about to: time passes, things change. */
export function isLive(status: RunStatus): boolean {
  return status === "queued" || LABELS[status].tone === "active";
}
