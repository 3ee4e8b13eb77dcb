/** What a person can do to a run: start, stop, resume, delete. */
import { readFile, rm } from "node:fs/promises";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import writeFileAtomic from "write-file-atomic";
import { type Control, RUN_FILES, type RunState } from "../protocol/run-folder.ts";
import { InputError } from "../util/errors.ts";
import { readRun, type Run } from "./run.ts";
import { isActive, isLive, type StatusOptions } from "./run-status.ts";
import { type ExitStatus, spawnTrainer } from "./spawn-trainer.ts";

export interface RunActionsOptions extends StatusOptions {
  /** The bundled training process. */
  trainerPath: string;
  /** Called when a process started here ends, with the run as it was left. */
  onExit?: (runDir: string, exit: ExitStatus) => void;
}

/** Longest wait for a process that has said that it has ended. */
const EXIT_LIMIT_MS = 10_000;

export class RunActions {
  readonly #options: RunActionsOptions;
  /** Processes started here that still live: a second click must not start a second process. */
  readonly #started = new Map<string, Promise<void>>();

  constructor(options: RunActionsOptions) {
    this.#options = options;
  }

  /** Starts or resumes: the training process goes on from the newest whole checkpoint, if any. */
  async start(runDir: string): Promise<void> {
    await this.#untilExited(path.resolve(runDir));
    const run = await this.#read(runDir);
    if (run.problem !== undefined) {
      throw new InputError(`${run.name} can't be started: ${run.problem}`);
    }
    if (isLive(run.status) || this.#started.has(run.dir)) {
      throw new InputError(`${run.name} is running already`);
    }
    if (run.status === "finished") {
      throw new InputError(`${run.name} has finished; start a new run from its recipe instead`);
    }
    this.#started.set(run.dir, Promise.resolve());
    try {
      // A stop request of last time would end the run at its first step.
      await writeControl(run.dir, "none");
      const trainer = spawnTrainer(this.#options.trainerPath, run.dir);
      const exited = trainer.exited
        .catch(() => ({ code: -1, signal: null }))
        .then((exit) => this.#afterExit(run.dir, exit));
      this.#started.set(run.dir, exited);
    } catch (error) {
      this.#started.delete(run.dir);
      throw error;
    }
  }

  /** Asks the process to finish its step, save, and end. A run still waiting ends at once. */
  async stop(runDir: string): Promise<void> {
    const run = await this.#read(runDir);
    if (run.status === "queued" && run.state && !this.#started.has(run.dir)) {
      return writeState(run, { status: "stopped", message: "stopped before it started" });
    }
    if (!isLive(run.status) && !this.#started.has(run.dir)) {
      throw new InputError(`${run.name} is not running (it is ${run.status})`);
    }
    await writeControl(run.dir, "stop");
  }

  /** Removes the run's folder. Refused while its process lives. */
  async delete(runDir: string): Promise<void> {
    const run = await this.#read(runDir);
    if (isLive(run.status) || this.#started.has(run.dir)) {
      throw new InputError(`${run.name} is running: stop it before you delete it`);
    }
    await rm(run.dir, { recursive: true, force: true, maxRetries: 3 });
  }

  /** A process says that it has ended a moment before it is gone: a quick Resume waits for that. */
  async #untilExited(runDir: string): Promise<void> {
    const exited = this.#started.get(runDir);
    if (exited === undefined) return;
    const run = await this.#read(runDir);
    if (isActive(run.status)) return;
    await Promise.race([exited, setTimeout(EXIT_LIMIT_MS, undefined, { ref: false })]);
  }

  async #read(runDir: string): Promise<Run> {
    const run = await readRun(path.resolve(runDir), this.#options);
    if (run === undefined) throw new InputError(`${runDir} is not a run folder (no state.json)`);
    return run;
  }

  async #afterExit(runDir: string, exit: ExitStatus): Promise<void> {
    this.#started.delete(runDir);
    const run = await readRun(runDir, this.#options).catch(() => undefined);
    // It died before its first word: only its creator can say so.
    if (run?.status === "queued") {
      const why = exit.signal ?? `code ${exit.code}`;
      const last = await lastLine(path.join(runDir, RUN_FILES.log));
      const message = `the training process ended with ${why} before it began${last ? `: ${last}` : ""}`;
      await writeState(run, { status: "failed", message }).catch(() => undefined);
    }
    this.#options.onExit?.(runDir, exit);
  }
}

async function writeControl(runDir: string, request: Control["request"]): Promise<void> {
  const control: Control = { request, requestedAt: new Date().toISOString() };
  await writeFileAtomic(path.join(runDir, RUN_FILES.control), JSON.stringify(control));
}

/** Only for a run that no process owns. */
async function writeState(run: Run, change: Partial<RunState>): Promise<void> {
  const state = { ...run.state, ...change, endedAt: new Date().toISOString() };
  await writeFileAtomic(path.join(run.dir, RUN_FILES.state), JSON.stringify(state, null, 2));
}

async function lastLine(file: string): Promise<string | undefined> {
  const text = await readFile(file, "utf8").catch(() => "");
  return text.trimEnd().split("\n").at(-1)?.trim().slice(0, 300);
}
