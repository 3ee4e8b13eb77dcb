/**
 * What a detached process tells of itself: state.json by rename, with a heartbeat, and log.txt. A
 * training run and an interpolation are both told so.
 */
import { appendFile } from "node:fs/promises";
import { hostname } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type * as z from "zod";
import writeFileAtomic from "write-file-atomic";
import {
  HEARTBEAT_INTERVAL_MS,
  type ProcessIdentity,
  RUN_FILES,
  type RunStatus,
} from "../protocol/run-folder.ts";
import { hasLivingProcess } from "./liveness.ts";
import { type Holder, Lock } from "./lock.ts";
import { InputError, errorMessage, hasCode } from "../util/errors.ts";
import { messageLine } from "../util/terminal-text.ts";
import { checkJson, parseJson, readJsonIfThere } from "../util/json.ts";
import { currentProcessIdentity } from "../util/process-identity.ts";
import { endTornLine } from "../util/torn-line.ts";

/** At most this often, so that a fast run does not spend its time on it. */
const STATE_INTERVAL_MS = 250;
const LAST_WORD_ATTEMPTS = 10;
const LAST_WORD_RETRY_MS = 100;
const TIDY_LIMIT_MS = 3_000;
const TIDY_LOOK_MS = 50;

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

/** What this process alone may write to, from now on. */
interface Taken<S> {
  state: S;
  lock: Lock;
}

/**
 * Takes a folder over for this process: the lock first, then what its state says.
 * @param options.busy the message's end, e.g. "is training this run already"
 * @throws InputError when another process works on it, or when it can't be read
 */
export async function takeFolder<S extends ProcessState>(
  dir: string,
  { read, busy }: { read: () => Promise<S>; busy: string },
): Promise<Taken<S>> {
  const lock = await takeLock(dir, read);
  if (!(lock instanceof Lock)) throw new InputError(`${dir}: ${describeHolder(lock)} ${busy}`);
  try {
    const state = await read();
    // Other programs that write run folders take no lock.
    if (await hasLivingProcess(state)) {
      const silentMs = Date.now() - Date.parse(state.heartbeatAt ?? "");
      const holder = { process: state.process, silentMs };
      throw new InputError(`${dir}: ${describeHolder(holder)} ${busy}`);
    }
    return { state: await takenOver(state), lock };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** A window that tidies up after a killed process has the lock for a moment, and the state then names no live one. */
async function takeLock<S extends ProcessState>(
  dir: string,
  read: () => Promise<S>,
): Promise<Lock | Holder> {
  const deadline = performance.now() + TIDY_LIMIT_MS;
  for (;;) {
    const lock = await Lock.take(path.join(dir, RUN_FILES.lock)).catch((error: unknown) => {
      if (hasCode(error, "ENOENT")) throw new InputError(`${dir} does not exist`);
      throw error;
    });
    if (lock instanceof Lock || performance.now() > deadline) return lock;
    if (await hasLivingProcess(await read())) return lock;
    await sleep(TIDY_LOOK_MS);
  }
}

function describeHolder({ process: owner, silentMs }: Holder): string {
  if (owner === undefined) return "another process";
  if (owner.hostname === hostname()) return `process ${owner.pid}`;
  const seconds = Math.round(silentMs / 1000);
  return `process ${owner.pid} of ${owner.hostname} (last heard of ${seconds} s ago)`;
}

/** A state of last time, as this process begins with it. */
async function takenOver<S extends ProcessState>(state: S): Promise<S> {
  const { message: _, endedAt: __, phase: ___, ...kept } = state;
  return {
    ...kept,
    status: "starting",
    process: await currentProcessIdentity(),
    startedAt: state.startedAt ?? new Date().toISOString(),
  } as S;
}

/** Writes only as long as the folder is this process's: a folder that was removed does not come back. */
export class StateWriter<S extends ProcessState> {
  readonly #file: string;
  readonly #lock: Lock;
  readonly #lost = new AbortController();
  #state: S;
  readonly #heartbeat: NodeJS.Timeout;
  #writing: Promise<void> = Promise.resolve();
  #writtenAt = 0;
  #hasEnded = false;
  #isClosed = false;

  constructor(file: string, { state, lock }: Taken<S>) {
    this.#file = file;
    this.#lock = lock;
    this.#state = state;
    this.#heartbeat = setInterval(() => void this.write(), HEARTBEAT_INTERVAL_MS);
    this.#heartbeat.unref();
  }

  get state(): Readonly<S> {
    return this.#state;
  }

  /** Aborted when the folder was removed, or taken by another process that held this one for dead. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** @throws InputError when the folder is no longer this process's: nothing may be written there */
  async checkHeld(): Promise<void> {
    // What can't be read now says nothing: the heartbeat asks again.
    if (!(await this.#lock.isHeld().catch(() => true))) this.#lost.abort();
    if (!this.#lost.signal.aborted) return;
    throw new InputError(
      `${path.dirname(this.#file)} was removed, or taken by another process, while this one worked on it; nothing more was saved`,
    );
  }

  /** @param change fields to set; `undefined` removes one */
  async update(change: { [Key in keyof S]?: S[Key] | undefined }): Promise<void> {
    // A request to stop that comes while the last word is written.
    if (this.#hasEnded) return;
    const isNewStatus = change.status !== undefined && change.status !== this.#state.status;
    this.#state = parseJson(JSON.stringify({ ...this.#state, ...change }), this.#file) as S;
    const isDue = performance.now() - this.#writtenAt >= STATE_INTERVAL_MS;
    if (isNewStatus || change.phase !== undefined || isDue) await this.write();
  }

  /**
   * The last word: stops the heartbeat, writes the state as it is, and lets go of the folder. No heartbeat
   * writes it again: Windows replaces no file that is being read, so it is tried for a while.
   */
  async close(change: Partial<S>): Promise<void> {
    clearInterval(this.#heartbeat);
    this.#end(change);
    this.#writing = this.#writing.then(() => this.#writeLast(LAST_WORD_ATTEMPTS));
    await this.#writing;
    this.#isClosed = true;
    await this.#lock.release();
  }

  /** The same for a process that has no time for another turn of its loop. */
  closeNow(change: Partial<S>): void {
    if (this.#isClosed || this.#lost.signal.aborted) return;
    clearInterval(this.#heartbeat);
    this.#end(change);
    this.#isClosed = true;
    this.#lock.releaseNow(() => {
      writeFileAtomic.sync(this.#file, JSON.stringify(this.#state, null, 2));
    });
  }

  #end(change: Partial<S>): void {
    this.#hasEnded = true;
    const { phase: _, ...kept } = this.#state;
    this.#state = { ...kept, ...change, endedAt: new Date().toISOString() } as S;
  }

  write(): Promise<void> {
    this.#writtenAt = performance.now();
    // One after the other, and a failure (a full disk) is no reason to stop working: the heartbeat tries again.
    this.#writing = this.#writing
      .then(() => this.#writeHeld())
      .catch((error: unknown) => this.#tell(error));
    return this.#writing;
  }

  async #writeLast(attempts: number): Promise<void> {
    try {
      await this.#writeHeld();
    } catch (error) {
      if (attempts === 1) return this.#tell(error);
      await sleep(LAST_WORD_RETRY_MS);
      await this.#writeLast(attempts - 1);
    }
  }

  #tell(error: unknown): void {
    process.stderr.write(`${messageLine(`${this.#file}: ${errorMessage(error)}`)}\n`);
  }

  async #writeHeld(): Promise<void> {
    if (this.#isClosed || this.#lost.signal.aborted) return;
    if (!(await this.#lock.beat())) return this.#lost.abort();
    const state: S = { ...this.#state, heartbeatAt: new Date().toISOString() };
    await writeFileAtomic(this.#file, JSON.stringify(state, null, 2));
  }
}

/** Never fails: a log that can't be written (a full disk, a lock of Windows) is no reason to stop working. */
export class LogWriter {
  readonly #file: string;
  #logging: Promise<void>;
  #problem = "";

  /** @param file of a folder that was taken over */
  constructor(file: string) {
    this.#file = file;
    this.#logging = endTornLine(file).catch(() => undefined);
  }

  /** Lines arrive in the order of the calls, awaited or not. */
  log(line: string): Promise<void> {
    const text = `${new Date().toISOString()} ${line}\n`;
    this.#logging = this.#logging
      .then(() => appendFile(this.#file, text))
      .catch((error: unknown) => this.#tell(errorMessage(error)));
    return this.#logging;
  }

  /** Once, not for each line. */
  #tell(problem: string): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    process.stderr.write(`${messageLine(`${this.#file}: ${problem}`)}\n`);
  }
}
