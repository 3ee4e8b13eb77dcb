/** Every run below the given `runs` folders, kept up to date. */
import { RUN_FILES } from "../protocol/run-folder.ts";
import type { LivenessOptions } from "../run-folder/liveness.ts";
import { FolderStore, type PollOptions } from "./folder-store.ts";
import type { Run } from "../run-folder/run.ts";
import { readEngineRun } from "./engine-status.ts";

/**
 * added, changed, removed: the run as such (state, recipe, results). metrics, log: that file grew
 * or was cut back; read it with MetricsTail or from its end.
 */
export interface RunEvent {
  readonly type: "added" | "changed" | "removed" | "metrics" | "log";
  readonly run: Run;
}

export interface RunStoreOptions extends Pick<LivenessOptions, "fateOf">, PollOptions {}

const { state, recipe, adapter, model, checkpoints, metrics, log } = RUN_FILES;

export class RunStore extends FolderStore<Run, "metrics" | "log"> {
  constructor(options: RunStoreOptions = {}) {
    super({
      ...options,
      read: (dir) => readEngineRun(dir, options),
      files: [state, recipe, adapter, model, checkpoints],
      parts: { metrics, log },
      createdAt: (run) => run.state?.createdAt ?? (run.recipe ?? run.foreign)?.source?.createdAt,
    });
  }

  /** Newest first. */
  runs(): readonly Run[] {
    return this.items();
  }

  onDidChange(listener: (event: RunEvent) => void): { dispose(): void } {
    return this.onDidChangeItem(({ type, item }) => listener({ type, run: item }));
  }
}
