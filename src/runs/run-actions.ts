/** What a person can do to a run. Its process goes on from the newest whole checkpoint, if any. */
import { RUN_FILES } from "../protocol/run-folder.ts";
import type { LivenessOptions } from "../run-folder/liveness.ts";
import type { StopLimits } from "./end-process.ts";
import { FolderActions } from "./folder-actions.ts";
import { readRun, type Run } from "../run-folder/run.ts";
import { type ExitStatus, spawnDetached } from "./spawn-detached.ts";

export interface RunActionsOptions extends LivenessOptions {
  /** The bundled training process. */
  trainerPath: string;
  /** Called when a process started here ends, with the run as it was left. */
  onExit?: (runDir: string, exit: ExitStatus) => void;
  limits?: StopLimits;
}

export class RunActions extends FolderActions<Run> {
  constructor(options: RunActionsOptions) {
    const { trainerPath, onExit, limits } = options;
    super({
      read: (dir) => readRun(dir, options),
      spawn: (dir) => spawnDetached([trainerPath, dir], { dir, logFile: RUN_FILES.log }),
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
