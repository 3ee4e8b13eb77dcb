/** What a person can do to a run or an interpolation: start, stop, go on, delete. */
import { readFile, rm } from "node:fs/promises";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { type ProcessIdentity, RUN_FILES, type RunStatus } from "../protocol/run-folder.ts";
import { writeControl } from "../run-folder/control.ts";
import { withLock } from "../run-folder/lock.ts";
import { InputError } from "../util/errors.ts";
import { type End, STOP_LIMITS, type StopLimits, endProcess } from "../run-folder/end-process.ts";
import type { FolderItem } from "./folder-store.ts";
import { isActive, isLive } from "./run-status.ts";
import type { ExitStatus } from "../run-folder/spawn-detached.ts";
import { tellKilled, writeState } from "../run-folder/tell-killed.ts";

interface ActionItem extends FolderItem {
  readonly name: string;
  readonly state?: {
    status: Exclude<RunStatus, "interrupted">;
    message?: string | undefined;
    process?: ProcessIdentity | undefined;
  };
  readonly problem?: string;
}

type Ending = (hasAnswered: () => Promise<boolean>, limits: StopLimits) => Promise<End>;

export interface FolderActionsOptions<Item extends ActionItem> {
  read: (dir: string) => Promise<Item | undefined>;
  launch: (item: Item) => { exited: Promise<ExitStatus> };
  /** How one that does not answer is ended; left out: the process that its state names is, by signals. */
  end?: (item: Item) => Ending | undefined;
  /** Called when a process started here ends, with the folder as it was left. */
  onExit?: ((dir: string, exit: ExitStatus) => void) | undefined;
  /** How long a process may take to answer a request to stop. */
  limits?: StopLimits | undefined;
  /** Whether it can go on although its state can't be read: what is needed is elsewhere. */
  canStart?: (item: Item) => boolean;
  /** Why it can't be started by this version; undefined where it can. */
  refusal?: (item: Item) => string | undefined;
  words: {
    /** "run folder" */
    folder: string;
    /** "the training process" */
    process: string;
    /** What to do in place of starting one that has finished. */
    instead: string;
  };
}

/** Longest wait for a process that has said that it has ended. */
const EXIT_LIMIT_MS = 10_000;
const OWNER_LOOK_MS = 100;

/** Runs and interpolations name these files alike. */
const { state: STATE, log: LOG, lock: LOCK } = RUN_FILES;

export class FolderActions<Item extends ActionItem> {
  readonly #options: FolderActionsOptions<Item>;
  /** Processes started here that still live: a second click must not start a second process. */
  readonly #started = new Map<string, Promise<void>>();

  /** Processes that are being ended here. */
  readonly #ending = new Set<string>();

  constructor(options: FolderActionsOptions<Item>) {
    this.#options = options;
  }

  /** Starts, or goes on with what a process before it has done. */
  async start(dir: string): Promise<void> {
    await this.#untilExited(path.resolve(dir));
    const item = await this.#read(dir);
    const { canStart, refusal } = this.#options;
    const problem = canStart?.(item) === true ? undefined : item.problem;
    const reason = problem ?? refusal?.(item);
    if (reason !== undefined) throw new InputError(`${item.name} can't be started: ${reason}`);
    if (isLive(item.status) || this.#started.has(item.dir)) {
      throw new InputError(`${item.name} is running already`);
    }
    if (item.status === "finished") {
      throw new InputError(`${item.name} has finished; ${this.#options.words.instead}`);
    }
    this.#started.set(item.dir, Promise.resolve());
    try {
      // A stop request of last time would end it at once.
      await writeControl(item.dir, "none");
      const exited = this.#options
        .launch(item)
        .exited.catch(() => ({ code: -1, signal: null }))
        .then((exit) => this.#afterExit(item.dir, exit));
      this.#started.set(item.dir, exited);
    } catch (error) {
      this.#started.delete(item.dir);
      throw error;
    }
  }

  /**
   * Asks the process to save and end, and sees to it that it does. One still waiting ends at once, and
   * so does one that is stopping already: whoever asks again does not want to wait.
   */
  async stop(dir: string): Promise<void> {
    const item = await this.#read(dir);
    const isWaiting = item.status === "queued" && item.state && !this.#started.has(item.dir);
    if (isWaiting) {
      if (await this.#stopWaiting(item.dir)) return;
    } else if (!isLive(item.status) && !this.#started.has(item.dir)) {
      throw new InputError(`${item.name} is not running (it is ${item.status})`);
    }
    await writeControl(item.dir, "stop");
    const { limits = STOP_LIMITS } = this.#options;
    const isAgain = item.status === "stopping" || this.#ending.has(item.dir);
    if (isAgain) await this.#end(item.dir, { ...limits, answerMs: 0 }, false);
    else void this.#end(item.dir, limits, true).catch(() => undefined);
  }

  /** False where another window, or the command line, begins with it at this moment: its process is asked then. */
  async #stopWaiting(dir: string): Promise<boolean> {
    // First: a process that has been started, but has not taken the folder yet, ends by this.
    await writeControl(dir, "stop");
    const stop = async (): Promise<boolean> => {
      const now = await this.#read(dir);
      if (now.status !== "queued") return false;
      await writeState(now, { status: "stopped", message: "stopped before it started" });
      return true;
    };
    const done = await withLock(path.join(dir, LOCK), stop, 0);
    return "result" in done && done.result;
  }

  /** @param takesAnswer whether a process that says that it stops is left to it */
  async #end(dir: string, limits: StopLimits, takesAnswer: boolean): Promise<void> {
    const begun = await this.#begun(dir, limits.answerMs);
    const ending = begun && this.#endingOf(begun);
    if (begun === undefined || ending === undefined) return;
    const hasAnswered = async (): Promise<boolean> => {
      const status = (await this.#options.read(dir))?.status;
      return takesAnswer && (status === "stopping" || !isLive(status ?? "failed"));
    };
    this.#ending.add(dir);
    try {
      const end = await ending(hasAnswered, limits);
      const item = await this.#options.read(dir);
      const isOver = end === "killed" || (end === "ended" && item?.status === "interrupted");
      if (item !== undefined && isOver) await tellKilled(item, this.#options.words.process);
      if (end === "out of reach") {
        const owner = begun.state?.process;
        const where = owner ? `process ${owner.pid} of ${owner.hostname}` : "it";
        throw new InputError(
          `${item?.name ?? dir} was asked to stop; ${where} can't be ended here`,
        );
      }
    } finally {
      this.#ending.delete(dir);
    }
  }

  #endingOf(item: Item): Ending | undefined {
    const owner = item.state?.process;
    const byOwner: Ending | undefined = owner && ((...how) => endProcess(owner, ...how));
    return this.#options.end?.(item) ?? byOwner;
  }

  /** A process that was just started may not have said yet who it is. */
  async #begun(dir: string, limitMs: number): Promise<Item | undefined> {
    for (const deadline = Date.now() + limitMs; ; await setTimeout(OWNER_LOOK_MS)) {
      const item = await this.#options.read(dir);
      if (item !== undefined && isLive(item.status)) return item;
      if (!this.#started.has(dir) || Date.now() >= deadline) return undefined;
    }
  }

  /** Removes the folder. Refused while its process lives. */
  async delete(dir: string): Promise<void> {
    await this.#untilExited(path.resolve(dir));
    const item = await this.#read(dir);
    if (isLive(item.status) || this.#started.has(item.dir)) {
      throw new InputError(`${item.name} is running: stop it before you delete it`);
    }
    await rm(item.dir, { recursive: true, force: true, maxRetries: 3 });
  }

  /** A process says that it has ended a moment before it is gone: a quick Resume or Delete waits for that. */
  async #untilExited(dir: string): Promise<void> {
    const exited = this.#started.get(dir);
    if (exited === undefined) return;
    const item = await this.#read(dir);
    if (isActive(item.status)) return;
    await Promise.race([exited, setTimeout(EXIT_LIMIT_MS, undefined, { ref: false })]);
  }

  async #read(dir: string): Promise<Item> {
    const item = await this.#options.read(path.resolve(dir));
    if (item === undefined) {
      throw new InputError(`${dir} is not a ${this.#options.words.folder} (no ${STATE})`);
    }
    return item;
  }

  async #afterExit(dir: string, exit: ExitStatus): Promise<void> {
    const { read, onExit, words } = this.#options;
    this.#started.delete(dir);
    const item = await read(dir).catch(() => undefined);
    // It died before its first word: only its creator can say so.
    if (item?.status === "queued") {
      const why = exit.signal ?? `code ${exit.code}`;
      const last = await lastLine(path.join(dir, LOG));
      const message = `${words.process} ended with ${why} before it began${last ? `: ${last}` : ""}`;
      await writeState(item, { status: "failed", message }).catch(() => undefined);
    }
    onExit?.(dir, exit);
  }
}

async function lastLine(file: string): Promise<string | undefined> {
  const text = await readFile(file, "utf8").catch(() => "");
  return text.trimEnd().split("\n").at(-1)?.trim().slice(0, 300);
}
