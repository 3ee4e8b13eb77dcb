/**
 * Writes a run's state.json, metrics.jsonl and log.txt while it trains. State is written by rename
 * and at most every STATE_INTERVAL_MS, so that a fast run does not spend its time on it.
 */
import { appendFile, readFile } from "node:fs/promises";
import path from "node:path";
import writeFileAtomic from "write-file-atomic";
import { type ResolvedRecipe, resolvedRecipeSchema } from "../protocol/recipe.ts";
import {
  HEARTBEAT_INTERVAL_MS,
  LIVE_STATUSES,
  type Metric,
  RUN_FILES,
  type RunState,
  runStateSchema,
} from "../protocol/run-folder.ts";
import { InputError, errorMessage, hasCode } from "../util/errors.ts";
import { currentProcessIdentity, isProcessAlive } from "../util/process-identity.ts";

const STATE_INTERVAL_MS = 250;

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, "utf8"));
  } catch (error) {
    if (hasCode(error, "ENOENT")) throw new InputError(`${file} does not exist: not a run folder`);
    throw new InputError(`${file}: ${errorMessage(error)}`, { cause: error });
  }
}

/** @throws InputError naming file and key */
export async function readRunRecipe(runDir: string): Promise<ResolvedRecipe> {
  const file = path.join(runDir, RUN_FILES.recipe);
  const parsed = resolvedRecipeSchema.safeParse(await readJson(file));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new InputError(`${file}: ${issue?.path.join(".")}: ${issue?.message}`);
}

export class RunRecorder {
  readonly #dir: string;
  #state: RunState;
  readonly #heartbeat: NodeJS.Timeout;
  #writing: Promise<void> = Promise.resolve();
  #logging: Promise<void> = Promise.resolve();
  #writtenAt = 0;

  private constructor(dir: string, state: RunState) {
    this.#dir = dir;
    this.#state = state;
    this.#heartbeat = setInterval(() => void this.#write(), HEARTBEAT_INTERVAL_MS);
    this.#heartbeat.unref();
  }

  /**
   * Takes the run over for this process.
   * @throws InputError when another process trains it or when it has finished
   */
  static async open(runDir: string): Promise<RunRecorder> {
    const file = path.join(runDir, RUN_FILES.state);
    const parsed = runStateSchema.safeParse(await readJson(file));
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      throw new InputError(`${file}: ${issue?.path.join(".")}: ${issue?.message}`);
    }
    const { data: state } = parsed;
    if (state.status === "finished") {
      throw new InputError(`${runDir}: this run has finished; start a new one from its recipe`);
    }
    const { process: owner } = state;
    if (owner && LIVE_STATUSES.includes(state.status) && (await isProcessAlive(owner))) {
      throw new InputError(`${runDir}: process ${owner.pid} is training this run already`);
    }
    const { message: _, endedAt: __, phase: ___, ...kept } = state;
    const recorder = new RunRecorder(runDir, {
      ...kept,
      status: "starting",
      process: await currentProcessIdentity(),
      startedAt: state.startedAt ?? new Date().toISOString(),
    });
    await recorder.#write();
    return recorder;
  }

  get state(): Readonly<RunState> {
    return this.#state;
  }

  /** @param change fields to set; `undefined` removes one */
  async update(change: { [Key in keyof RunState]?: RunState[Key] | undefined }): Promise<void> {
    const isNewStatus = change.status !== undefined && change.status !== this.#state.status;
    this.#state = JSON.parse(JSON.stringify({ ...this.#state, ...change })) as RunState;
    const isDue = performance.now() - this.#writtenAt >= STATE_INTERVAL_MS;
    if (isNewStatus || change.phase !== undefined || isDue) await this.#write();
  }

  /** The last word: stops the heartbeat and writes the state as it is. */
  async close(change: Partial<RunState>): Promise<void> {
    clearInterval(this.#heartbeat);
    const { phase: _, ...kept } = this.#state;
    this.#state = { ...kept, ...change, endedAt: new Date().toISOString() };
    await this.#write();
  }

  async metric(metric: Metric): Promise<void> {
    await appendFile(path.join(this.#dir, RUN_FILES.metrics), `${JSON.stringify(metric)}\n`);
  }

  /** Lines arrive in the order of the calls, awaited or not. */
  log(line: string): Promise<void> {
    const file = path.join(this.#dir, RUN_FILES.log);
    const text = `${new Date().toISOString()} ${line}\n`;
    const written = this.#logging.then(() => appendFile(file, text));
    this.#logging = written.catch(() => undefined);
    return written;
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

  #write(): Promise<void> {
    this.#writtenAt = performance.now();
    const file = path.join(this.#dir, RUN_FILES.state);
    const state: RunState = { ...this.#state, heartbeatAt: new Date().toISOString() };
    // One after the other, and a failure (a full disk) is no reason to stop training: the heartbeat tries again.
    this.#writing = this.#writing
      .then(() => writeFileAtomic(file, JSON.stringify(state, null, 2)))
      .catch((error: unknown) => {
        process.stderr.write(`${file}: ${errorMessage(error)}\n`);
      });
    return this.#writing;
  }
}

function isUpTo(line: string, step: number): boolean {
  try {
    const metric: unknown = JSON.parse(line);
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
