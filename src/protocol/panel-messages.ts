/**
 * Messages between the extension host and the run panel, the only place where Retune speaks in
 * messages rather than files. The page keeps nothing that the run folder does not have, save its
 * view (zoom, smoothing, …), which VS Code stores for it. Order:
 *
 *   page  → ready                    whenever it is loaded: first open, tab shown again, window reload
 *   host  → run                      whole, at once and after each change of state.json or recipe.json
 *   host  → metrics, reset: true     the file from its start, in batches; the first one resets
 *   host  → metrics, reset: false    what was appended since; a resume that cut the file resets again
 *   host  → evaluation               how a classifier labelled its evaluation rows, whenever that changed
 *   host  → log                      the last lines, whole, when log.txt changed
 *   page  → action                   a button was pressed
 *   host  → problem                  an action failed; one line, shown until the next action
 *
 * The host sends nothing to a page that is hidden; a page that is shown again says `ready`. Every
 * message of the page is checked by `fromPanelSchema`: a page is not trusted.
 */
import * as z from "zod";
import type { ClassifierEvaluation } from "./evaluation.ts";
import type { ForeignRecipe } from "./foreign-recipe.ts";
import type { MethodView } from "./method.ts";
import type { ObjectiveView } from "./objective.ts";
import type { ResolvedRecipe } from "./recipe.ts";
import type { RunState, RunStatus } from "./run-folder.ts";

const PANEL_ACTIONS = [
  "stop",
  "resume",
  "showLog",
  "showRecipe",
  "generate",
  "classify",
  "openOutput",
  "openLine",
] as const;

export const fromPanelSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("ready") }),
  z.strictObject({ type: z.literal("action"), action: z.enum(PANEL_ACTIONS) }),
]);

export type FromPanel = z.output<typeof fromPanelSchema>;
export type PanelAction = (typeof PANEL_ACTIONS)[number];

/** What VS Code stores for the page and hands to the serializer after a window reload. */
export const savedPanelSchema = z.object({ runDir: z.string().min(1) });

export interface RunView {
  runDir: string;
  /** The recipe's name, or the folder's when the recipe can't be read. */
  name: string;
  status: RunStatus;
  /** Missing when state.json can't be read; `problem` then says why. */
  state?: RunState;
  recipe?: ResolvedRecipe;
  /** A run has it that can be shown, and not gone on with. */
  foreign?: ForeignRecipe;
  /** There where the recipe is. */
  method?: MethodView;
  objective: ObjectiveView;
  problem?: string;
  /** `adapter/` or, for method `full`, `model/` is there. */
  hasOutput: boolean;
  hasCheckpoint: boolean;
  /** A failed run has one whose message names a line of a file that is there. */
  failedLine?: number;
}

/** Rows of metrics.jsonl, one array per column and all of the same length; null: not in that row. */
export type MetricColumns = { step: (number | null)[]; [figure: string]: (number | null)[] };

export type ToPanel =
  | { type: "run"; run: RunView }
  | { type: "metrics"; reset: boolean; columns: MetricColumns }
  | { type: "evaluation"; evaluation: ClassifierEvaluation }
  | { type: "log"; lines: string[] }
  | { type: "problem"; message: string };
