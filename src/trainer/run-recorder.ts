/** Writes a run's state.json, metrics.jsonl and log.txt while it trains. */
import { appendFile, readFile } from "node:fs/promises";
import path from "node:path";
import writeFileAtomic from "write-file-atomic";
import { type ResolvedRecipe, resolvedRecipeSchema } from "../protocol/recipe.ts";
import { type Metric, RUN_FILES, type RunState, runStateSchema } from "../protocol/run-folder.ts";
import { InputError, hasCode } from "../util/errors.ts";
import { parseJson } from "../util/json.ts";
import { LogWriter, StateWriter, livingOwner, readChecked, takenOver } from "./state-writer.ts";

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
   * Takes the run over for this process.
   * @throws InputError when another process trains it or when it has finished
   */
  static async open(runDir: string): Promise<RunRecorder> {
    const file = path.join(runDir, RUN_FILES.state);
    const state = await readChecked(file, runStateSchema, WHAT);
    if (state.status === "finished") {
      throw new InputError(`${runDir}: this run has finished; start a new one from its recipe`);
    }
    const owner = await livingOwner(state);
    if (owner) {
      throw new InputError(`${runDir}: process ${owner.pid} is training this run already`);
    }
    const writer = new StateWriter<RunState>(file, await takenOver(state));
    await writer.write();
    return new RunRecorder(runDir, writer);
  }

  get state(): Readonly<RunState> {
    return this.#state.state;
  }

  /** @param change fields to set; `undefined` removes one */
  update(change: { [Key in keyof RunState]?: RunState[Key] | undefined }): Promise<void> {
    return this.#state.update(change);
  }

  /** The last word: stops the heartbeat and writes the state as it is. */
  close(change: Partial<RunState>): Promise<void> {
    return this.#state.close(change);
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
