/** Writes a run's state.json, metrics.jsonl and log.txt while it trains. */
import { appendFile, readFile } from "node:fs/promises";
import path from "node:path";
import writeFileAtomic from "write-file-atomic";
import { type ResolvedRecipe, resolvedRecipeSchema } from "../protocol/recipe.ts";
import { type Metric, RUN_FILES, type RunState, runStateSchema } from "../protocol/run-folder.ts";
import { removeLeftovers } from "./leftovers.ts";
import { InputError, errorMessage, hasCode } from "../util/errors.ts";
import { parseJson } from "../util/json.ts";
import { LogWriter, StateWriter, readChecked, takeFolder } from "./state-writer.ts";

const WHAT = "a run folder";

/** @throws InputError naming file and key */
export function readRunRecipe(runDir: string): Promise<ResolvedRecipe> {
  return readChecked(path.join(runDir, RUN_FILES.recipe), resolvedRecipeSchema, WHAT);
}

export class RunRecorder {
  readonly #dir: string;
  readonly #state: StateWriter<RunState>;
  readonly #log: LogWriter;

  private constructor(dir: string, state: StateWriter<RunState>) {
    this.#dir = dir;
    this.#state = state;
    this.#log = new LogWriter(path.join(dir, RUN_FILES.log));
  }

  /**
   * Takes the run over for this process, and puts its folder in order.
   * @param recipe of the run: what is known of it when its state can't be read
   * @throws InputError when another process trains it or when it has finished
   */
  static async open(runDir: string, recipe: ResolvedRecipe): Promise<RunRecorder> {
    const file = path.join(runDir, RUN_FILES.state);
    const notes = new Set<string>();
    const taken = await takeFolder<RunState>(runDir, {
      busy: "is training this run already",
      read: async () => {
        // It says how far the run was, which its checkpoints say too.
        const state = await readChecked(file, runStateSchema, WHAT).catch((error: unknown) => {
          notes.add(`${errorMessage(error)}: goes on by the checkpoints alone`);
          return newState(recipe);
        });
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

  async metric(metric: Metric): Promise<void> {
    await appendFile(path.join(this.#dir, RUN_FILES.metrics), `${JSON.stringify(metric)}\n`);
  }

  /** Lines arrive in the order of the calls, awaited or not. */
  log(line: string): Promise<void> {
    return this.#log.log(line);
  }

  /** Forgets what came after a checkpoint, and a last line that a killed process left half-written. */
  async cutMetrics(step: number): Promise<void> {
    const file = path.join(this.#dir, RUN_FILES.metrics);
    const text = await readFile(file, "utf8").catch((error: unknown) => {
      if (hasCode(error, "ENOENT")) return "";
      throw error;
    });
    const kept = text.split("\n").filter((line) => isUpTo(line, step));
    await writeFileAtomic(file, kept.map((line) => `${line}\n`).join(""));
  }
}

function newState({ source }: ResolvedRecipe): RunState {
  return { status: "queued", step: 0, createdAt: source.createdAt };
}

function isUpTo(line: string, step: number): boolean {
  try {
    const metric = parseJson(line, RUN_FILES.metrics);
    return (
      typeof metric === "object" &&
      metric !== null &&
      "step" in metric &&
      typeof metric.step === "number" &&
      metric.step <= step
    );
  } catch {
    return false;
  }
}
