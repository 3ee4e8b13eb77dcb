/**
 * What a detached process tells of itself: state.json by rename, with a heartbeat, and log.txt. A
 * training run and an interpolation sweep are both told so.
 */
import { appendFile } from "node:fs/promises";
import type * as z from "zod";
import writeFileAtomic from "write-file-atomic";
import {
  HEARTBEAT_INTERVAL_MS,
  LIVE_STATUSES,
  type ProcessIdentity,
  type RunStatus,
} from "../protocol/run-folder.ts";
import { InputError, errorMessage } from "../util/errors.ts";
import { checkJson, parseJson, readJsonIfThere } from "../util/json.ts";
import { currentProcessIdentity, isProcessAlive } from "../util/process-identity.ts";

/** At most this often, so that a fast run does not spend its time on it. */
const STATE_INTERVAL_MS = 250;

interface ProcessState {
  status: Exclude<RunStatus, "interrupted">;
  process?: ProcessIdentity | undefined;
  phase?: string | undefined;
  startedAt?: string | undefined;
  endedAt?: string | undefined;
  heartbeatAt?: string | undefined;
  message?: string | undefined;
}

/** @throws InputError naming file and key; @param what the folder should be: "a run folder" */
export async function readChecked<T>(file: string, schema: z.ZodType<T>, what: string): Promise<T> {
  const json = await readJsonIfThere(file);
  if (!json) throw new InputError(`${file} does not exist: not ${what}`);
  return checkJson(json.value, schema, file);
}

/** The process that works on it and still lives, if there is one. */
export async function livingOwner(state: ProcessState): Promise<ProcessIdentity | undefined> {
  const { process: owner, status } = state;
  const isLive = owner && LIVE_STATUSES.includes(status) && (await isProcessAlive(owner));
  return isLive ? owner : undefined;
}

/** A state of last time, as this process begins with it. */
export async function takenOver<S extends ProcessState>(state: S): Promise<S> {
  const { message: _, endedAt: __, phase: ___, ...kept } = state;
  return {
    ...kept,
    status: "starting",
    process: await currentProcessIdentity(),
    startedAt: state.startedAt ?? new Date().toISOString(),
  } as S;
}

export class StateWriter<S extends ProcessState> {
  readonly #file: string;
  #state: S;
  readonly #heartbeat: NodeJS.Timeout;
  #writing: Promise<void> = Promise.resolve();
  #writtenAt = 0;

  constructor(file: string, state: S) {
    this.#file = file;
    this.#state = state;
    this.#heartbeat = setInterval(() => void this.write(), HEARTBEAT_INTERVAL_MS);
    this.#heartbeat.unref();
  }

  get state(): Readonly<S> {
    return this.#state;
  }

  /** @param change fields to set; `undefined` removes one */
  async update(change: { [Key in keyof S]?: S[Key] | undefined }): Promise<void> {
    const isNewStatus = change.status !== undefined && change.status !== this.#state.status;
    this.#state = parseJson(JSON.stringify({ ...this.#state, ...change }), this.#file) as S;
    const isDue = performance.now() - this.#writtenAt >= STATE_INTERVAL_MS;
    if (isNewStatus || change.phase !== undefined || isDue) await this.write();
  }

  /** The last word: stops the heartbeat and writes the state as it is. */
  async close(change: Partial<S>): Promise<void> {
    clearInterval(this.#heartbeat);
    const { phase: _, ...kept } = this.#state;
    this.#state = { ...kept, ...change, endedAt: new Date().toISOString() } as S;
    await this.write();
  }

  write(): Promise<void> {
    this.#writtenAt = performance.now();
    const state: S = { ...this.#state, heartbeatAt: new Date().toISOString() };
    // One after the other, and a failure (a full disk) is no reason to stop working: the heartbeat tries again.
    this.#writing = this.#writing
      .then(() => writeFileAtomic(this.#file, JSON.stringify(state, null, 2)))
      .catch((error: unknown) => {
        process.stderr.write(`${this.#file}: ${errorMessage(error)}\n`);
      });
    return this.#writing;
  }
}

export class LogWriter {
  readonly #file: string;
  #logging: Promise<void> = Promise.resolve();

  constructor(file: string) {
    this.#file = file;
  }

  /** Lines arrive in the order of the calls, awaited or not. */
  log(line: string): Promise<void> {
    const text = `${new Date().toISOString()} ${line}\n`;
    const written = this.#logging.then(() => appendFile(this.#file, text));
    this.#logging = written.catch(() => undefined);
    return written;
  }
}
