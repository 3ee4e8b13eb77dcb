/** What a person can do to a run. Its engine goes on from the newest whole checkpoint, if any. */
import type { Programs } from "../engines/engine.ts";
import { ENGINES, engineOf } from "../engines/registry.ts";
import { engineName } from "../protocol/engine-facts.ts";
import type { LivenessOptions } from "../run-folder/liveness.ts";
import type { StopLimits } from "../run-folder/end-process.ts";
import type { Run } from "../run-folder/run.ts";
import type { ExitStatus } from "../run-folder/spawn-detached.ts";
import { InputError } from "../util/errors.ts";
import { readEngineRun } from "./engine-status.ts";
import { FolderActions } from "./folder-actions.ts";

export interface RunActionsOptions extends LivenessOptions {
  programs: Programs;
  /** Called when what was started here ends, with the run as it was left. */
  onExit?: (runDir: string, exit: ExitStatus) => void;
  limits?: StopLimits;
}

export class RunActions extends FolderActions<Run> {
  constructor(options: RunActionsOptions) {
    const { programs, onExit, limits } = options;
    super({
      read: (dir) => readEngineRun(dir, options),
      launch: ({ dir, name, recipe }) => {
        if (!recipe) throw new InputError(`${name} has no recipe that can be read`);
        return engineOf(recipe).launch(dir, programs);
      },
      end: ({ recipe, dir }) => {
        const engine = recipe && ENGINES.find(engineName(recipe.engine));
        return engine?.end && ((...how) => engine.end?.(dir, ...how) ?? Promise.resolve("ended"));
      },
      onExit,
      limits,
      // Its checkpoints say how far it was.
      canStart: ({ state, recipe }) => state === undefined && recipe !== undefined,
      refusal: ({ foreign }) => foreign?.reason,
      words: {
        folder: "run folder",
        process: "the training process",
        instead: "start a new run from its recipe instead",
      },
    });
  }
}
