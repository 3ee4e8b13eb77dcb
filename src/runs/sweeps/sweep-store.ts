/** Every sweep below the given `sweeps` folders, kept up to date. */
import { SWEEP_FILES } from "../../protocol/sweep.ts";
import type { LivenessOptions } from "../../run-folder/liveness.ts";
import { FolderStore, type PollOptions } from "../folder-store.ts";
import { readSweep, type Sweep } from "./sweep.ts";

export interface SweepStoreOptions extends Pick<LivenessOptions, "fateOf">, PollOptions {}

const { state, definition, points, log } = SWEEP_FILES;

/** A new point is a change of the sweep. */
export class SweepStore extends FolderStore<Sweep, "log"> {
  constructor(options: SweepStoreOptions = {}) {
    super({
      ...options,
      read: (dir) => readSweep(dir, options),
      files: [state, definition, points],
      parts: { log },
      createdAt: (sweep) => sweep.definition?.createdAt ?? sweep.state?.createdAt,
    });
  }
}
