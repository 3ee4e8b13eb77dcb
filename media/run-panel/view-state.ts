import { isRecord, keptOf } from "../shared/view-keeper.ts";
import type { Window } from "./downsample.ts";

export type XAxis = "step" | "time";

/** What a person set in the panel. VS Code keeps it over tab switches and window reloads. */
export interface PanelView {
  runDir: string;
  /** Weight of the moving average, 0 ≤ smoothing < 1. */
  smoothing: number;
  logScale: boolean;
  xAxis: XAxis;
  /** In the units of `xAxis`: steps or seconds. null: everything, following the run. */
  zoom: Window | null;
  scrollY: number;
}

export const MAX_SMOOTHING = 0.99;
const DEFAULT_SMOOTHING = 0.6;

/** Reads what VS Code kept. Anything missing or odd (an older version's state) falls back. */
export function restoreView(saved: unknown, runDir: string): PanelView {
  const state = keptOf(saved, "runDir", runDir);
  const smoothing = Number(state["smoothing"] ?? DEFAULT_SMOOTHING);
  return {
    runDir,
    smoothing: smoothing >= 0 && smoothing <= MAX_SMOOTHING ? smoothing : DEFAULT_SMOOTHING,
    logScale: state["logScale"] === true,
    xAxis: state["xAxis"] === "time" ? "time" : "step",
    zoom: readWindow(state["zoom"]),
    scrollY: typeof state["scrollY"] === "number" ? state["scrollY"] : 0,
  };
}

function readWindow(value: unknown): Window | null {
  if (!isRecord(value)) return null;
  const { min, max } = value;
  return typeof min === "number" && typeof max === "number" && min < max ? { min, max } : null;
}
