/**
 * Runs wait for each other: as many train at a time as `limit` allows, the rest stay `queued` and
 * start in order. Only runs put in here are ever started: a queued run of the command line or of
 * another machine is not ours.
 *
 * What trains is asked of the folders themselves, under the queue's lock: a window that was opened a
 * moment ago knows of no run yet, and other windows start runs too.
 */
import { readdir } from "node:fs/promises";
import { hostname } from "node:os";
import path from "node:path";
import { RUN_FILES, type RunStatus, runStateSchema } from "../protocol/run-folder.ts";
import { errorMessage } from "../util/errors.ts";
import {
  type Queue,
  type QueueEntry,
  editQueue,
  newEntry,
  queueDir,
  readQueue,
} from "./queue-file.ts";
import { readJson, readJsonAs, valueOf } from "../run-folder/read-json.ts";
import { parseRunRecipe } from "../run-folder/run-recipe.ts";
import { engineStatus } from "./engine-status.ts";
import { isLive } from "./run-status.ts";
import type { RunStore } from "./run-store.ts";

export interface StartQueueOptions {
  store: RunStore;
  start: (runDir: string) => Promise<void>;
  limit: () => number;
  /** Nothing starts by itself while this says no. */
  isAllowed?: () => boolean;
  onError: (runDir: string, message: string) => void;
}

/** A process that has not said a word by then never will: whoever was to start it is gone. */
const FIRST_WORD_LIMIT_MS = 60_000;
/** As long as any run is among those that start. */
const LOOK_AGAIN_MS = 5_000;

export class StartQueue {
  readonly #options: StartQueueOptions;
  readonly #subscription: { dispose(): void };
  /** By folder of a queue: what goes on there, and whether to look once more afterwards. */
  readonly #advancing = new Map<string, { done: Promise<void>; again: boolean }>();

  readonly #looks = new Map<string, NodeJS.Timeout>();
  #isDisposed = false;

  /** What is wrong with a queue is said once, not at each change of a run. */
  readonly #told = new Map<string, string>();

  constructor(options: StartQueueOptions) {
    this.#options = options;
    this.#subscription = options.store.onDidChange(({ type, run }) => {
      if (type !== "metrics" && type !== "log") this.#advanceSoon(path.dirname(run.dir));
    });
  }

  /**
   * Starts the run now or, when others train, as soon as its turn comes.
   * @throws InputError when the queue can't be read or written
   */
  async add(runDir: string): Promise<"started" | "queued"> {
    const entry = newEntry(runDir);
    await editQueue(queueDir(runDir), async (queue) => {
      queue.waiting = [...queue.waiting.filter(({ run }) => run !== entry.run), entry];
    });
    await this.#advance(path.dirname(path.resolve(runDir)));
    const { waiting } = await readQueue(queueDir(runDir));
    return waiting.some(({ run }) => run === entry.run) ? "queued" : "started";
  }

  /** @throws InputError when the queue can't be read or written */
  async remove(runDir: string): Promise<void> {
    const isIn = (entry: QueueEntry): boolean => entry.run === path.basename(runDir);
    const { waiting, starting } = await readQueue(queueDir(runDir));
    if (![...waiting, ...starting].some(isIn)) return;
    await editQueue(queueDir(runDir), async (queue) => {
      queue.waiting = queue.waiting.filter((entry) => !isIn(entry));
      queue.starting = queue.starting.filter((entry) => !isIn(entry));
    });
  }

  /** Its process has ended, whatever state.json says: the next may start. */
  release(runDir: string): void {
    this.#advanceSoon(path.dirname(path.resolve(runDir)));
  }

  /** Looks whether something may start, as when it has just been allowed. */
  advanceAll(): void {
    const runsDirs = new Set(this.#options.store.runs().map(({ dir }) => path.dirname(dir)));
    for (const runsDir of runsDirs) this.#advanceSoon(runsDir);
  }

  dispose(): void {
    this.#isDisposed = true;
    this.#subscription.dispose();
    for (const timer of this.#looks.values()) clearTimeout(timer);
  }

  #advanceSoon(runsDir: string): void {
    this.#advance(runsDir).then(
      () => this.#told.delete(runsDir),
      (error: unknown) => {
        const message = errorMessage(error);
        if (this.#told.get(runsDir) === message) return;
        this.#told.set(runsDir, message);
        this.#options.onError(runsDir, message);
      },
    );
  }

  /** Several calls while one is at work are followed by a single one. */
  #advance(runsDir: string): Promise<void> {
    const now = this.#advancing.get(runsDir);
    if (now !== undefined) {
      now.again = true;
      return now.done;
    }
    const work = { done: Promise.resolve(), again: false };
    this.#advancing.set(runsDir, work);
    work.done = this.#advanceUntilQuiet(runsDir, work).finally(() =>
      this.#advancing.delete(runsDir),
    );
    return work.done;
  }

  async #advanceUntilQuiet(runsDir: string, work: { again: boolean }): Promise<void> {
    do {
      work.again = false;
      await this.#advanceOnce(runsDir);
    } while (work.again);
  }

  async #advanceOnce(runsDir: string): Promise<void> {
    if (this.#options.isAllowed?.() === false) return;
    const dir = path.dirname(runsDir);
    const { waiting, starting } = await readQueue(dir);
    if (waiting.length + starting.length === 0) return;
    const ready = await editQueue(dir, (queue) => this.#takeReady(runsDir, queue));
    if (starting.length + ready.length > 0) this.#lookAgain(runsDir);
    for (const { run } of ready) {
      const runDir = path.join(runsDir, run);
      await this.#options.start(runDir).catch(async (error: unknown) => {
        this.#options.onError(runDir, errorMessage(error));
        // One that stays among those that start comes again when its time is over.
        await this.remove(runDir).catch(() => undefined);
      });
    }
  }

  /** Once: what is started elsewhere and never speaks is no change that this window would hear of. */
  #lookAgain(runsDir: string): void {
    if (this.#isDisposed) return;
    clearTimeout(this.#looks.get(runsDir));
    const timer = setTimeout(() => this.#advanceSoon(runsDir), LOOK_AGAIN_MS);
    this.#looks.set(runsDir, timer.unref());
  }

  /** Moves those whose turn it is from `waiting` to `starting`. */
  async #takeReady(runsDir: string, queue: Queue): Promise<QueueEntry[]> {
    const statuses = await statusesIn(runsDir);
    const isQueued = ({ run }: QueueEntry): boolean => statuses.get(run) === "queued";
    const isSilent = ({ at }: QueueEntry): boolean =>
      Date.now() - Date.parse(at) > FIRST_WORD_LIMIT_MS;
    const starting = queue.starting.filter(isQueued);
    queue.starting = starting.filter((entry) => !isSilent(entry));
    queue.waiting = [...starting.filter(isSilent), ...queue.waiting].filter(isQueued);
    const here = [...statuses].filter(([, status]) => isLive(status)).map(([run]) => run);
    // Runs of this window's other folders take room, too.
    const elsewhere = this.#options.store
      .runs()
      .filter(({ dir, status }) => path.dirname(dir) !== runsDir && isLive(status));
    let free = Math.max(1, this.#options.limit()) - here.length - elsewhere.length;
    free -= queue.starting.length;
    const ready = queue.waiting
      .filter(({ host }) => host === hostname())
      .slice(0, Math.max(0, free));
    queue.waiting = queue.waiting.filter((entry) => !ready.includes(entry));
    const at = new Date().toISOString();
    for (const entry of ready) queue.starting.push({ ...entry, at });
    return ready;
  }
}

/** By name of the run's folder. */
async function statusesIn(runsDir: string): Promise<Map<string, RunStatus>> {
  const names = await readdir(runsDir).catch(() => []);
  const statuses = await Promise.all(
    names.map(async (name): Promise<[string, RunStatus][]> => {
      const file = (which: "state" | "recipe") => path.join(runsDir, name, RUN_FILES[which]);
      const state = valueOf(await readJson(file("state"), runStateSchema));
      if (!state) return [];
      // Only what is under way is asked of its engine.
      const recipe = isLive(state.status)
        ? valueOf(await readJsonAs(file("recipe"), parseRunRecipe))?.recipe
        : undefined;
      return [[name, await engineStatus(state, recipe)]];
    }),
  );
  return new Map(statuses.flat());
}
