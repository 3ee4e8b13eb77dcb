/**
 * Messages between the extension host and the lab panel, as panel-messages.ts has them for the run
 * panel. An interpolation is small (at most a hundred points), so the page gets it whole at every change:
 *
 *   page  → ready    whenever it is loaded: first open, tab shown again, window reload
 *   host  → interpolation    whole, at once and after each change of its folder
 *   host  → log      the last lines, whole, when log.txt changed
 *   page  → action   a button was pressed
 *   host  → problem  an action failed; one line, shown until the next action
 */
import * as z from "zod";
import type { RunStatus } from "./run-folder.ts";
import type {
  InterpolationDefinition,
  InterpolationPoint,
  InterpolationState,
} from "./interpolation.ts";

const LAB_ACTIONS = ["stop", "continue", "showLog", "exportCsv", "exportJson"] as const;

export const fromLabSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("ready") }),
  z.strictObject({ type: z.literal("action"), action: z.enum(LAB_ACTIONS) }),
  z.strictObject({ type: z.literal("save"), alpha: z.number().min(0).max(1) }),
]);

export type FromLab = z.output<typeof fromLabSchema>;
export type LabAction = (typeof LAB_ACTIONS)[number];

/** What VS Code stores for the page and hands to the serializer after a window reload. */
export const savedLabSchema = z.union([
  z.object({ interpolationDir: z.string().min(1) }),
  // A tab from when interpolations were called sweeps.
  z
    .object({ sweepDir: z.string().min(1) })
    .transform(({ sweepDir }) => ({ interpolationDir: sweepDir })),
]);

export interface InterpolationView {
  interpolationDir: string;
  name: string;
  status: RunStatus;
  state?: InterpolationState;
  definition?: InterpolationDefinition;
  problem?: string;
  /** Ascending by alpha. */
  points: readonly InterpolationPoint[];
  /** runs/interpolations/summary.ts; missing while the definition can't be read. */
  summary?: SummaryView;
}

export interface SummaryView {
  recommended?: { alpha: number; by: string[]; metric: "accuracy" | "loss"; value: number };
  barriers: { data: string; alpha: number; height: number; isWorseThanBoth: boolean }[];
  /** One sentence: what is recommended and why, or why nothing is. */
  advice: string;
  /** One sentence for each barrier. */
  warnings: string[];
}

export type ToLab =
  | { type: "interpolation"; interpolation: InterpolationView }
  | { type: "log"; lines: string[] }
  | { type: "problem"; message: string };
