/** A run as its folder shows it. Reading never throws: what can't be read becomes `problem`. */
import path from "node:path";
import { type ClassifierEvaluation, evaluationSchema } from "../protocol/evaluation.ts";
import type { ForeignRecipe } from "../protocol/foreign-recipe.ts";
import type { ResolvedRecipe } from "../protocol/recipe.ts";
import {
  RUN_FILES,
  type RunState,
  type RunStatus,
  runStateSchema,
} from "../protocol/run-folder.ts";
import { hasCheckpoint } from "./checkpoints.ts";
import { type LivenessOptions, deriveStatus } from "./liveness.ts";
import { pathExists } from "../util/path-exists.ts";
import { mayBecomeWhole } from "./new-folder.ts";
import { problemOf, readJson, readJsonAs, valueOf } from "./read-json.ts";
import { parseRunRecipe } from "./run-recipe.ts";

export interface Run {
  /** Absolute path of the folder; what identifies a run. */
  readonly dir: string;
  /** The folder's name. */
  readonly id: string;
  /** The recipe's name, or the folder's when the recipe can't be read. */
  readonly name: string;
  readonly status: RunStatus;
  /** Missing when state.json can't be read; `problem` then says why. */
  readonly state?: RunState;
  /** Missing when it can't be read, or when this version does not know a word of it. */
  readonly recipe?: ResolvedRecipe;
  /** A run has it that can be shown, and not gone on with: another engine's or a newer version's. */
  readonly foreign?: ForeignRecipe;
  /** One line: which file of the folder is broken, and how. */
  readonly problem?: string;
  readonly hasAdapter: boolean;
  /** Method `full` writes a whole model instead of an adapter. */
  readonly hasModel: boolean;
  readonly hasCheckpoint: boolean;
}

export interface ReadRunOptions extends LivenessOptions {
  /** What a stored status means now; left out: what the process that it names, or its heartbeat, says. */
  statusOf?: (
    state: RunState,
    recipe: ResolvedRecipe | undefined,
    options: LivenessOptions,
  ) => Promise<RunStatus>;
}

/** The run in `dir`, or undefined when the folder is none (or not yet). */
export async function readRun(
  dir: string,
  {
    statusOf = (state, _, options) => deriveStatus(state, options),
    ...options
  }: ReadRunOptions = {},
): Promise<Run | undefined> {
  const [state, recipe] = await Promise.all([
    readJson(path.join(dir, RUN_FILES.state), runStateSchema),
    readJsonAs(path.join(dir, RUN_FILES.recipe), parseRunRecipe),
  ]);
  if (state === undefined) {
    if (recipe === undefined || (await mayBecomeWhole(dir, options.now))) return undefined;
  }
  const problem = problemOf(RUN_FILES.state, state) ?? problemOf(RUN_FILES.recipe, recipe);
  const stateValue = valueOf(state);
  const written = valueOf(recipe) ?? {};
  return {
    dir,
    id: path.basename(dir),
    name: (written.recipe ?? written.foreign)?.name ?? path.basename(dir),
    status: stateValue ? await statusOf(stateValue, written.recipe, options) : "failed",
    ...(stateValue ? { state: stateValue } : {}),
    ...written,
    ...(problem === undefined ? {} : { problem }),
    hasAdapter: await pathExists(path.join(dir, RUN_FILES.adapter)),
    hasModel: await pathExists(path.join(dir, RUN_FILES.model)),
    hasCheckpoint: await hasCheckpoint(path.join(dir, RUN_FILES.checkpoints)).catch(() => false),
  };
}

/** How the run's classifier labelled its evaluation rows; undefined where it is none, or has not yet. */
export async function readEvaluation(dir: string): Promise<ClassifierEvaluation | undefined> {
  return valueOf(await readJson(path.join(dir, RUN_FILES.evaluation), evaluationSchema));
}
