/**
 * A file that one process at a time holds, on local and on network disks alike. It appears whole,
 * and of several only one can make it (util/create-file.ts).
 *
 * A dead holder's lock is taken over under a lock of its own, named after the dead one's token: two
 * that find the same dead holder so never both take its place, and one that comes late finds another
 * token and lets go. Whether a holder is dead, liveness.ts decides; its heartbeat is the lock file's
 * time of change, compared with that of a file just written beside it: one clock, the disk's.
 */
import { randomUUID } from "node:crypto";
import { readFileSync, rmSync } from "node:fs";
import { open, rename, rm, stat, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { type ProcessIdentity, processIdentitySchema } from "../protocol/run-folder.ts";
import { createFile } from "../util/create-file.ts";
import { InputError, hasCode } from "../util/errors.ts";
import { readJson } from "../util/json.ts";
import { currentProcessIdentity } from "../util/process-identity.ts";
import { temporaryName } from "../util/temporary-name.ts";
import { isAlive } from "./liveness.ts";

const contentSchema = z.object({ token: z.string(), process: processIdentitySchema });

type Content = z.output<typeof contentSchema>;

/** Who was in the way. */
export interface Holder {
  process: ProcessIdentity | undefined;
  /** Milliseconds since its last sign of life. */
  silentMs: number;
}

/** Whoever makes a file without hard links may be seen between making and filling it. */
const FILLING_LIMIT_MS = 2_000;
/** Others of this takeover or of this moment's release: more of them than anyone has processes. */
const MAX_ATTEMPTS = 200;
const RETRY_MS = 5;

export class Lock {
  readonly #file: string;
  readonly #text: string;
  readonly #token: string;

  private constructor(file: string, content: Content) {
    this.#file = file;
    this.#text = JSON.stringify(content);
    this.#token = content.token;
  }

  /**
   * Takes the lock, or says who has it.
   * @throws what the file system throws, e.g. when the folder is gone
   */
  static async take(file: string): Promise<Lock | Holder> {
    const lock = new Lock(file, { token: randomUUID(), process: await currentProcessIdentity() });
    const temporary = temporaryName(file);
    await writeFile(temporary, lock.#text, { flag: "wx" });
    try {
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
        if (await createFile(file, { temporary, text: lock.#text })) return lock;
        const found = await inspect(file, temporary);
        if (found === undefined) continue;
        if (found.isAlive) return found.holder;
        if (await lock.#takeOver(found.token, temporary)) return lock;
        await sleep(RETRY_MS);
      }
    } finally {
      await rm(temporary, { force: true });
    }
    return { process: undefined, silentMs: 0 };
  }

  /**
   * A sign of life; changes nothing that is written. False when the lock is no longer ours.
   * @throws InputError when that can't be told now
   */
  async beat(): Promise<boolean> {
    if (!(await this.isHeld())) return false;
    try {
      const handle = await open(this.#file, "r+");
      try {
        await handle.write(this.#text, 0);
      } finally {
        await handle.close();
      }
      return true;
    } catch (error) {
      if (hasCode(error, "ENOENT")) return false;
      throw error;
    }
  }

  /**
   * False when the file is gone, as with its whole folder, or when another process has taken it.
   * @throws InputError when it can't be read, which says neither
   */
  async isHeld(): Promise<boolean> {
    return (await read(this.#file))?.token === this.#token;
  }

  /** What can't be read is left: the lock of a process that has ended keeps nobody out. */
  async release(): Promise<void> {
    if (await this.isHeld().catch(() => false)) await rm(this.#file, { force: true });
  }

  /** As `release`, without another turn of the loop; first `lastWord`, and that only while it is ours. */
  releaseNow(lastWord: () => void): void {
    try {
      if (readFileSync(this.#file, "utf8") !== this.#text) return;
    } catch {
      return;
    }
    lastWord();
    rmSync(this.#file, { force: true });
  }

  async #takeOver(token: string, temporary: string): Promise<boolean> {
    const claim = await Lock.take(`${this.#file}.${token}`);
    if (!(claim instanceof Lock)) return false;
    try {
      const now = await inspect(this.#file, temporary);
      if (now?.token !== token) return false;
      await rename(temporary, this.#file);
      return true;
    } finally {
      await claim.release();
    }
  }
}

/** The token of a file that is none of ours, or that a machine which lost its power left empty. */
const UNREADABLE = "unreadable";

/** A virus scanner has a file for a moment, and a network drive is away for one. */
const READ_ATTEMPTS = 5;
const READ_AGAIN_MS = 20;

/**
 * Undefined for a file that is gone or none of ours.
 * @throws InputError for one that can't be read: its holder may well live
 */
async function read(file: string): Promise<Content | undefined> {
  for (let attempt = 1; ; attempt++) {
    try {
      return contentSchema.parse(await readJson(file));
    } catch (error) {
      const isUnread = error instanceof InputError && error.cause !== undefined;
      if (!isUnread) return undefined;
      if (attempt === READ_ATTEMPTS) throw error;
      await sleep(READ_AGAIN_MS);
    }
  }
}

interface Found {
  token: string;
  isAlive: boolean;
  holder: Holder;
}

/** @param fresh a file that was just written beside it; undefined: the lock is gone meanwhile */
async function inspect(file: string, fresh: string): Promise<Found | undefined> {
  const content = await read(file);
  const found = await stat(file).catch((error: unknown) => {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  });
  if (found === undefined) return undefined;
  const now = Math.max((await stat(fresh)).mtimeMs, found.mtimeMs);
  const silentMs = now - found.mtimeMs;
  if (content === undefined) {
    const holder = { process: undefined, silentMs };
    return { token: UNREADABLE, isAlive: silentMs < FILLING_LIMIT_MS, holder };
  }
  return {
    token: content.token,
    isAlive: await isAlive(content.process, found.mtimeMs, { now }),
    holder: { process: content.process, silentMs },
  };
}

/**
 * Does `work` while nobody else does any under this lock.
 * @returns its result, or who still holds the lock after `limitMs`
 */
export async function withLock<T>(
  file: string,
  work: () => Promise<T>,
  limitMs: number,
): Promise<{ result: T } | { holder: Holder }> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const lock = await Lock.take(file);
    if (lock instanceof Lock) {
      try {
        return { result: await work() };
      } finally {
        await lock.release();
      }
    }
    if (performance.now() >= deadline) return { holder: lock };
    await sleep(RETRY_MS + Math.random() * RETRY_MS);
  }
}
