/** What a person can do to an interpolation. Its process computes the alphas that have no point yet. */
import { INTERPOLATION_FILES } from "../../protocol/interpolation.ts";
import { FolderActions } from "../folder-actions.ts";
import { spawnDetached } from "../../run-folder/spawn-detached.ts";
import { readInterpolation, type Interpolation } from "./interpolation.ts";

export interface InterpolationActionsOptions {
  /** The bundled `retune` command. */
  cliPath: string;
  log: { info(line: string): void };
}

export class InterpolationActions extends FolderActions<Interpolation> {
  constructor({ cliPath, log }: InterpolationActionsOptions) {
    super({
      read: readInterpolation,
      launch: ({ dir }) =>
        spawnDetached([cliPath, "interpolate", "--continue", dir, "--quiet"], {
          dir,
          logFile: INTERPOLATION_FILES.log,
        }),
      onExit: (dir, { code, signal }) =>
        log.info(`process of interpolation ${dir} ended with ${signal ?? `code ${code}`}`),
      words: {
        folder: "interpolation folder",
        process: "the interpolation's process",
        instead: "start a new one instead",
      },
    });
  }
}
