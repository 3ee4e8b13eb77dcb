/**
 * What a detached process tells of itself: state.json by rename, with a heartbeat. A training run and
 * an interpolation are both told so.
 */
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import writeFileAtomic from "write-file-atomic";
import { HEARTBEAT_INTERVAL_MS, type ProcessState } from "../protocol/run-folder.ts";
import { InputError, errorMessage } from "../util/errors.ts";
import { messageLine } from "../util/terminal-text.ts";
import { parseJson } from "../util/json.ts";
import type { Lock } from "./lock.ts";
import type { Taken } from "./take-folder.ts";

/** At most this often, so that a fast run does not spend its time on it. */
const STATE_INTERVAL_MS = 250;
const LAST_WORD_ATTEMPTS = 10;
const LAST_WORD_RETRY_MS = 100;

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
