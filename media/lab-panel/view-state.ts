import { keptOf } from "../shared/view-keeper.ts";

/** What a person set in the panel. VS Code keeps it over tab switches and window reloads. */
export interface LabView {
  interpolationDir: string;
  /** undefined: what goes with the data. */
  metric?: string | undefined;
  /** Ids of measures. */
  x?: string | undefined;
  y?: string | undefined;
  /** undefined: follows the recommendation. */
  alpha?: number | undefined;
  scrollY: number;
}

/** Reads what VS Code kept. Anything missing or odd (an older version's state) falls back. */
export function restoreView(saved: unknown, interpolationDir: string): LabView {
  const state = keptOf(saved, "interpolationDir", interpolationDir);
  const { metric, x, y, alpha, scrollY } = state;
  return {
    interpolationDir,
    ...(typeof metric === "string" ? { metric } : {}),
    ...(typeof x === "string" ? { x } : {}),
    ...(typeof y === "string" ? { y } : {}),
    ...(typeof alpha === "number" && alpha >= 0 && alpha <= 1 ? { alpha } : {}),
    scrollY: typeof scrollY === "number" ? scrollY : 0,
  };
}
