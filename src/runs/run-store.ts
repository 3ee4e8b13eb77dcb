/**
 * Every run below the given `runs` folders, kept up to date. File watching gives speed, polling
 * gives certainty (network drives, folders that do not exist yet, a process that dies silently).
 * Nothing is read before the first `setRoots` or `refresh`.
 */
import { type FSWatcher, watch } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import path from "node:path";
import { RUN_FILES } from "../protocol/run-folder.ts";
import { readRun, type Run } from "./run.ts";
import { isActive, type StatusOptions } from "./run-status.ts";

/**
 * added, changed, removed: the run as such (state, recipe, results). metrics, log: that file grew
 * or was cut back; read it with MetricsTail or from its end.
 */
export interface RunEvent {
  readonly type: "added" | "changed" | "removed" | "metrics" | "log";
  readonly run: Run;
}

export interface RunStoreOptions extends Pick<StatusOptions, "isAlive" | "host"> {
  /** How often active runs are looked at, and how often everything is. */
  activePollMs?: number;
  idlePollMs?: number;
}

interface Entry {
  run: Run;
  /** Modification time and size of what a run is read from, so that unchanged runs cost no parsing. */
  stamps: Stamps;
}

interface Stamps {
  run: string;
  metrics: string;
  log: string;
}

const ACTIVE_POLL_MS = 1_000;
const IDLE_POLL_MS = 5_000;
const WATCH_DELAY_MS = 100;

export class RunStore {
  readonly #options: RunStoreOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Set<(event: RunEvent) => void>();
  readonly #watchers = new Map<string, FSWatcher>();
  #roots: readonly string[] = [];
  #work: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #soon: NodeJS.Timeout | undefined;
  #lastScan = 0;
  #disposed = false;

  constructor(options: RunStoreOptions = {}) {
    this.#options = options;
  }

  /** Newest first. */
  runs(): readonly Run[] {
    return [...this.#entries.values()].map((entry) => entry.run).toSorted(byAge);
  }

  /** Undefined for a folder that is no run or that lies outside the roots. */
  get(dir: string): Run | undefined {
    return this.#entries.get(path.resolve(dir))?.run;
  }

  onDidChange(listener: (event: RunEvent) => void): { dispose(): void } {
    this.#listeners.add(listener);
    return { dispose: () => this.#listeners.delete(listener) };
  }

  /** @param roots absolute paths of `.retune/runs` folders; they need not exist yet */
  setRoots(roots: readonly string[]): Promise<void> {
    this.#roots = roots.map((root) => path.resolve(root));
    this.#schedule();
    return this.refresh();
  }

  /** Looks at every run now. Resolves when what it shows is what the folders held. */
  refresh(): Promise<void> {
    return this.#enqueue(() => this.#scan());
  }

  dispose(): void {
    this.#disposed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#soon);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
    this.#listeners.clear();
  }

  #enqueue(job: () => Promise<void>): Promise<void> {
    const next = this.#work.then(() => (this.#disposed ? undefined : job()));
    this.#work = next.catch(() => undefined);
    return next;
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#disposed) return;
    const { activePollMs = ACTIVE_POLL_MS, idlePollMs = IDLE_POLL_MS } = this.#options;
    const anyActive = this.runs().some((run) => isActive(run.status));
    this.#timer = setTimeout(
      () => {
        const isScanDue = Date.now() - this.#lastScan >= idlePollMs;
        void this.#enqueue(() => (isScanDue ? this.#scan() : this.#checkActive()))
          .catch(() => undefined)
          .then(() => this.#schedule());
      },
      anyActive ? activePollMs : idlePollMs,
    );
    this.#timer.unref();
  }

  async #scan(): Promise<void> {
    this.#lastScan = Date.now();
    const found = new Set<string>();
    for (const root of this.#roots) {
      const entries = await readdir(root, { withFileTypes: true }).catch(() => []);
      for (const entry of entries) {
        if (!entry.isFile() && !entry.name.startsWith(".")) found.add(path.join(root, entry.name));
      }
    }
    for (const dir of this.#entries.keys()) if (!found.has(dir)) this.#remove(dir);
    for (const dir of found) await this.#check(dir);
    this.#watch();
  }

  async #checkActive(): Promise<void> {
    for (const { run } of this.#entries.values()) {
      if (isActive(run.status)) await this.#check(run.dir);
    }
    this.#watch();
  }

  async #check(dir: string): Promise<void> {
    const before = this.#entries.get(dir);
    const stamps = await readStamps(dir);
    const isUnchanged = before?.stamps.run === stamps.run && !isActive(before.run.status);
    const run = isUnchanged ? before.run : await readRun(dir, this.#options);
    if (run === undefined) return this.#remove(dir);
    this.#entries.set(dir, { run, stamps });
    if (before === undefined) return this.#emit({ type: "added", run });
    if (before.stamps.run !== stamps.run || before.run.status !== run.status) {
      this.#emit({ type: "changed", run });
    }
    if (before.stamps.metrics !== stamps.metrics) this.#emit({ type: "metrics", run });
    if (before.stamps.log !== stamps.log) this.#emit({ type: "log", run });
  }

  #remove(dir: string): void {
    const entry = this.#entries.get(dir);
    if (entry === undefined) return;
    this.#entries.delete(dir);
    this.#emit({ type: "removed", run: entry.run });
  }

  #emit(event: RunEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  /** Watches the roots and the folders of active runs; polling finds what a watcher misses. */
  #watch(): void {
    const active = this.runs().filter((run) => isActive(run.status));
    const wanted = new Set([...this.#roots, ...active.map((run) => run.dir)]);
    for (const [dir, watcher] of this.#watchers) {
      if (wanted.has(dir)) continue;
      watcher.close();
      this.#watchers.delete(dir);
    }
    for (const dir of wanted) {
      if (this.#watchers.has(dir)) continue;
      const watcher = tryWatch(dir, () => this.#refreshSoon());
      if (watcher === undefined) continue;
      watcher.on("error", () => {
        watcher.close();
        this.#watchers.delete(dir);
      });
      this.#watchers.set(dir, watcher);
    }
  }

  #refreshSoon(): void {
    if (this.#soon !== undefined || this.#disposed) return;
    this.#soon = setTimeout(() => {
      this.#soon = undefined;
      void this.refresh()
        .catch(() => undefined)
        .then(() => this.#schedule());
    }, WATCH_DELAY_MS);
  }
}

/** Newest first. */
function byAge(a: Run, b: Run): number {
  const created = (run: Run) => run.state?.createdAt ?? run.recipe?.source.createdAt ?? "";
  return created(b).localeCompare(created(a)) || b.id.localeCompare(a.id);
}

function tryWatch(dir: string, onChange: () => void): FSWatcher | undefined {
  try {
    return watch(dir, { persistent: false }, onChange);
  } catch {
    // Not there yet, or the system is out of watches: polling sees it.
    return undefined;
  }
}

async function readStamps(dir: string): Promise<Stamps> {
  const stamp = async (name: string) => {
    const info = await stat(path.join(dir, name)).catch(() => undefined);
    return info ? `${info.mtimeMs}:${info.size}:${info.ino}` : "-";
  };
  const { state, recipe, adapter, model, checkpoints, metrics, log } = RUN_FILES;
  const parts = await Promise.all([state, recipe, adapter, model, checkpoints].map(stamp));
  return { run: parts.join(" "), metrics: await stamp(metrics), log: await stamp(log) };
}
