/** Every interpolation below the given folders, kept up to date. */
import { INTERPOLATION_FILES, OLD_DEFINITION_FILE } from "../../protocol/interpolation.ts";
import type { LivenessOptions } from "../../run-folder/liveness.ts";
import { FolderStore, type PollOptions } from "../folder-store.ts";
import { readInterpolation, type Interpolation } from "./interpolation.ts";

export interface InterpolationStoreOptions extends Pick<LivenessOptions, "fateOf">, PollOptions {}

const { state, definition, points, log } = INTERPOLATION_FILES;

/** A new point is a change of the interpolation. */
export class InterpolationStore extends FolderStore<Interpolation, "log"> {
  constructor(options: InterpolationStoreOptions = {}) {
    super({
      ...options,
      read: (dir) => readInterpolation(dir, options),
      files: [state, definition, OLD_DEFINITION_FILE, points],
      parts: { log },
      createdAt: (interpolation) =>
        interpolation.definition?.createdAt ?? interpolation.state?.createdAt,
    });
  }
}
