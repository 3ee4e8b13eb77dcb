import { ENGINES } from "../engines/registry.ts";
import { engineName } from "../protocol/engine-facts.ts";
import type { ResolvedRecipe } from "../protocol/recipe.ts";
import type { RunState, RunStatus } from "../protocol/run-folder.ts";
import { type LivenessOptions, deriveStatus } from "../run-folder/liveness.ts";
import { type Run, readRun } from "../run-folder/run.ts";

/** What a stored status means now, as the run's engine has it; of one that is not known, as its process has it. */
export function engineStatus(
  state: RunState,
  recipe: Pick<ResolvedRecipe, "engine"> | undefined,
  options: LivenessOptions = {},
): Promise<RunStatus> {
  const engine = recipe && ENGINES.find(engineName(recipe.engine));
  return engine?.status?.(state, options) ?? deriveStatus(state, options);
}

/** The run of a folder, its status as its engine has it; undefined when the folder is none (or not yet). */
export function readEngineRun(
  dir: string,
  options: LivenessOptions = {},
): Promise<Run | undefined> {
  return readRun(dir, { ...options, statusOf: engineStatus });
}
