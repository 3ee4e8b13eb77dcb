/** What a person can do to a sweep. Its process computes the alphas that have no point yet. */
import { SWEEP_FILES } from "../../protocol/sweep.ts";
import { FolderActions } from "../folder-actions.ts";
import { spawnDetached } from "../spawn-detached.ts";
import { readSweep, type Sweep } from "./sweep.ts";

export interface SweepActionsOptions {
  /** The bundled `retune` command. */
  cliPath: string;
  log: { info(line: string): void };
}

export class SweepActions extends FolderActions<Sweep> {
  constructor({ cliPath, log }: SweepActionsOptions) {
    super({
      read: readSweep,
      spawn: (dir) =>
        spawnDetached([cliPath, "interpolate", "--continue", dir, "--quiet"], {
          dir,
          logFile: SWEEP_FILES.log,
        }),
      onExit: (dir, { code, signal }) =>
        log.info(`process of sweep ${dir} ended with ${signal ?? `code ${code}`}`),
      words: {
        folder: "sweep folder",
        process: "the sweep's process",
        instead: "start a new one instead",
      },
    });
  }
}
