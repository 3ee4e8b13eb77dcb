/**
 * Runs wait for each other: as many train at a time as `limit` allows, the rest stay `queued` and
 * start in order. Only runs put in here are ever started: a queued run of the command line or of
 * another machine is not ours.
 */
import { errorMessage } from "../util/errors.ts";
import { isLive } from "./run-status.ts";
import type { RunStore } from "./run-store.ts";

export interface StartQueueOptions {
  store: RunStore;
  start: (runDir: string) => Promise<void>;
  limit: () => number;
  /** Where the queue outlives the window. */
  memory: { load(): readonly string[]; save(runDirs: readonly string[]): void };
  onError: (runDir: string, message: string) => void;
}

export class StartQueue {
  readonly #options: StartQueueOptions;
  readonly #subscription: { dispose(): void };
  #waiting: string[];
  /** Started, but state.json does not say so yet. */
  readonly #starting = new Set<string>();

  constructor(options: StartQueueOptions) {
    this.#options = options;
    this.#waiting = [...options.memory.load()];
    this.#subscription = options.store.onDidChange(({ type, run }) => {
      if (type === "metrics" || type === "log") return;
      if (run.status !== "queued") this.#starting.delete(run.dir);
      void this.#advance();
    });
  }

  /** Starts the run now or, when others train, as soon as its turn comes. */
  async add(runDir: string): Promise<"started" | "queued"> {
    this.#waiting = [...this.#waiting.filter((dir) => dir !== runDir), runDir];
    await this.#options.store.refresh();
    await this.#advance();
    return this.#waiting.includes(runDir) ? "queued" : "started";
  }

  remove(runDir: string): void {
    this.#waiting = this.#waiting.filter((dir) => dir !== runDir);
    this.#options.memory.save(this.#waiting);
  }

  /** Its process has ended, whatever state.json says: the next may start. */
  release(runDir: string): void {
    this.#starting.delete(runDir);
    void this.#advance();
  }

  isWaiting(runDir: string): boolean {
    return this.#waiting.includes(runDir);
  }

  dispose(): void {
    this.#subscription.dispose();
  }

  async #advance(): Promise<void> {
    const { store, start, limit, memory, onError } = this.#options;
    const live = store.runs().filter((run) => isLive(run.status));
    const busy = new Set([...live.map((run) => run.dir), ...this.#starting]);
    const ready: string[] = [];
    while (this.#waiting.length > 0 && busy.size < Math.max(1, limit())) {
      const next = this.#waiting.shift();
      if (next === undefined || busy.has(next)) continue;
      busy.add(next);
      ready.push(next);
    }
    memory.save(this.#waiting);
    for (const runDir of ready) {
      this.#starting.add(runDir);
      await start(runDir).catch((error: unknown) => {
        this.#starting.delete(runDir);
        onError(runDir, errorMessage(error));
      });
    }
  }
}
