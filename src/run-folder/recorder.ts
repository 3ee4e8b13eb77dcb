/**
 * The way in which an engine writes a run, whatever it trains and wherever it computes. It takes the
 * folder for this process alone, tells that it lives, and lets go of it at the end:
 *
 *   const recorder = await RunRecorder.open(runDir);     // starting; another process is refused
 *   await recorder.addToRecipe({ versions });            // what was really used
 *   await recorder.cutMetrics(restoredStep);             // a run that goes on
 *   await recorder.update({ status: "running", totalSteps });
 *   for each step:
 *     await recorder.metric({ step, epoch, loss, elapsedMs });
 *     await recorder.update({ step, loss });             // any number of times: written at most 4 times a second
 *     await recorder.checkpoint(step, { write });        // now and then
 *     if (await recorder.isStopRequested()) break;       // status: "stopping", then save and end
 *   await recorder.close({ status: "finished" });        // or stopped; failed with a message
 *
 * The heartbeat goes by itself. A folder that was removed, or taken by another process meanwhile, gets
 * nothing more: `checkHeld` and `isStopRequested` then throw. Keys of recipe.json and state.json that
 * this version does not know stay as they are.
 */
import path from "node:path";
import * as z from "zod";
import writeFileAtomic from "write-file-atomic";
import { type Metric, RUN_FILES, type RunState, runStateSchema } from "../protocol/run-folder.ts";
import { InputError, errorMessage } from "../util/errors.ts";
import { readJsonObject } from "../util/json.ts";
import {
  type CheckpointContent,
  type CheckpointFolder,
  listCheckpoints,
  writeCheckpointFolder,
} from "./checkpoints.ts";
import { isStopRequested } from "./control.ts";
import { removeLeftovers } from "./leftovers.ts";
import { appendMetric, cutMetrics } from "./metrics-file.ts";
import { LogWriter } from "./log-writer.ts";
import { readChecked } from "./read-json.ts";
import { StateWriter } from "./state-writer.ts";
import { takeFolder } from "./take-folder.ts";

const WHAT = "a run folder";

export class RunRecorder {
  readonly #dir: string;
  readonly #state: StateWriter<RunState>;
  readonly #log: LogWriter;
  #addingToRecipe: Promise<void> = Promise.resolve();

  private constructor(dir: string, state: StateWriter<RunState>) {
    this.#dir = dir;
    this.#state = state;
    this.#log = new LogWriter(path.join(dir, RUN_FILES.log));
  }

  /**
   * Takes the run over for this process, and puts its folder in order. Its state is `starting` then.
   * @throws InputError when it is no run, when another process trains it or when it has finished
   */
  static async open(runDir: string): Promise<RunRecorder> {
    const createdAt = await createdAtOf(runDir);
    const file = path.join(runDir, RUN_FILES.state);
    const notes = new Set<string>();
    const taken = await takeFolder<RunState>(runDir, {
      busy: "is training this run already",
      read: async () => {
        // It says how far the run was, which its checkpoints say too.
        const state = await readChecked(file, runStateSchema, WHAT).catch(
          (error: unknown): RunState => {
            notes.add(`${errorMessage(error)}: goes on by the checkpoints alone`);
            return { status: "queued", step: 0, createdAt };
          },
        );
        if (state.status === "finished") {
          throw new InputError(`${runDir}: this run has finished; start a new one from its recipe`);
        }
        return state;
      },
    });
    const writer = new StateWriter<RunState>(file, taken);
    await writer.write();
    const recorder = new RunRecorder(runDir, writer);
    for (const line of [...notes, ...(await removeLeftovers(runDir))]) await recorder.log(line);
    return recorder;
  }

  get state(): Readonly<RunState> {
    return this.#state.state;
  }

  /** @param change fields to set; `undefined` removes one */
  update(change: { [Key in keyof RunState]?: RunState[Key] | undefined }): Promise<void> {
    return this.#state.update(change);
  }

  /** The last word: stops the heartbeat, writes the state, and lets go of the run. */
  close(change: Partial<RunState>): Promise<void> {
    return this.#state.close(change);
  }

  /** The same, without another turn of the loop. */
  closeNow(change: Partial<RunState>): void {
    this.#state.closeNow(change);
  }

  /** Aborted when the run's folder is no longer this process's. */
  get lost(): AbortSignal {
    return this.#state.lost;
  }

  /** @throws InputError when the run's folder was removed or taken over */
  checkHeld(): Promise<void> {
    return this.#state.checkHeld();
  }

  /**
   * Whether somebody asks the run to save and end.
   * @throws InputError when the run's folder was removed or taken over
   */
  async isStopRequested(): Promise<boolean> {
    await this.checkHeld();
    return isStopRequested(this.#dir);
  }

  metric(metric: Metric): Promise<void> {
    return appendMetric(this.#dir, metric);
  }

  /** Forgets what came after a checkpoint, before the run goes on from it; -1: all. */
  cutMetrics(step: number): Promise<void> {
    return cutMetrics(this.#dir, step);
  }

  /** Lines arrive in the order of the calls, awaited or not. */
  log(line: string): Promise<void> {
    return this.#log.log(line);
  }

  /** @param keys to set; `undefined` removes one. All others stay as they stand there. */
  addToRecipe(keys: object): Promise<void> {
    const file = path.join(this.#dir, RUN_FILES.recipe);
    this.#addingToRecipe = this.#addingToRecipe
      .catch(() => undefined)
      .then(async () => {
        // The recipe is what was read at the start, whatever has become of its file.
        const now = await readJsonObject(file).catch(() => ({}));
        await writeFileAtomic(file, JSON.stringify({ ...now, ...keys }, null, 2));
      });
    return this.#addingToRecipe;
  }

  /** What the objective tells of the newest evaluation, e.g. how a classifier labels its rows. */
  evaluation(evaluation: object): Promise<void> {
    const file = path.join(this.#dir, RUN_FILES.evaluation);
    return writeFileAtomic(file, JSON.stringify(evaluation, null, 2));
  }

  /**
   * Whole or not at all; another one of that step is replaced.
   * @throws InputError when the disk is full, or when the folder is no longer this process's
   */
  async checkpoint(step: number, content: CheckpointContent): Promise<void> {
    await this.checkHeld();
    await writeCheckpointFolder(this.checkpointsDir, step, content);
  }

  /** Newest first. */
  checkpoints(): Promise<CheckpointFolder[]> {
    return listCheckpoints(this.checkpointsDir);
  }

  get checkpointsDir(): string {
    return path.join(this.#dir, RUN_FILES.checkpoints);
  }
}

const creationSchema = z.object({
  source: z.object({ createdAt: z.iso.datetime().optional().catch(undefined) }).optional(),
});

/** @throws InputError for a folder that is no run */
async function createdAtOf(runDir: string): Promise<string> {
  const { source } = await readChecked(path.join(runDir, RUN_FILES.recipe), creationSchema, WHAT);
  return source?.createdAt ?? new Date().toISOString();
}
