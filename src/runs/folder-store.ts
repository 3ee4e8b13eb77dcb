/**
 * Every run, or every interpolation, below the given folders, kept up to date. File watching gives speed, polling
 * gives certainty (network drives, folders that do not exist yet, a process that dies silently).
 * Nothing is read before the first `setRoots` or `refresh`.
 */
import { type FSWatcher, watch } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import path from "node:path";
import type { RunStatus } from "../protocol/run-folder.ts";
import { isActive } from "./run-status.ts";

export interface FolderItem {
  /** Absolute path; what identifies it. */
  readonly dir: string;
  /** The folder's name. */
  readonly id: string;
  readonly status: RunStatus;
}

/** added, changed, removed: the item as such. A part: that file grew or was cut back. */
interface FolderEvent<Item, Part extends string> {
  readonly type: "added" | "changed" | "removed" | Part;
  readonly item: Item;
}

export interface PollOptions {
  /** How often active items are looked at, and how often everything is. */
  activePollMs?: number;
  idlePollMs?: number;
}

interface FolderStoreOptions<Item, Part extends string> extends PollOptions {
  /** What the folder holds; undefined when it is nothing of ours, or not yet. */
  read: (dir: string) => Promise<Item | undefined>;
  /** Files and folders that an item is read from. */
  files: readonly string[];
  /** Files that are told of apart, by the event's name. */
  parts: Readonly<Record<Part, string>>;
  /** ISO date. */
  createdAt: (item: Item) => string | undefined;
}

interface Entry<Item> {
  item: Item;
  /** Modification time and size of what it is read from, so that unchanged ones cost no parsing. */
  stamps: { own: string; parts: ReadonlyMap<string, string> };
}

const ACTIVE_POLL_MS = 1_000;
const IDLE_POLL_MS = 5_000;
const WATCH_DELAY_MS = 100;

export class FolderStore<Item extends FolderItem, Part extends string> {
  readonly #options: FolderStoreOptions<Item, Part>;
  readonly #entries = new Map<string, Entry<Item>>();
  readonly #listeners = new Set<(event: FolderEvent<Item, Part>) => void>();
  readonly #watchers = new Map<string, FSWatcher>();
  #roots: readonly string[] = [];
  #work: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #soon: NodeJS.Timeout | undefined;
  #lastScan = 0;
  #disposed = false;

  constructor(options: FolderStoreOptions<Item, Part>) {
    this.#options = options;
  }

  /** Newest first. */
  items(): readonly Item[] {
    const created = (item: Item): string => this.#options.createdAt(item) ?? "";
    const byAge = (a: Item, b: Item): number =>
      created(b).localeCompare(created(a)) || b.id.localeCompare(a.id);
    return [...this.#entries.values()].map((entry) => entry.item).toSorted(byAge);
  }

  /** Undefined for a folder that holds none or that lies outside the roots. */
  get(dir: string): Item | undefined {
    return this.#entries.get(path.resolve(dir))?.item;
  }

  onDidChangeItem(listener: (event: FolderEvent<Item, Part>) => void): { dispose(): void } {
    this.#listeners.add(listener);
    return { dispose: () => this.#listeners.delete(listener) };
  }

  /** @param roots absolute paths of folders that hold them; they need not exist yet */
  setRoots(roots: readonly string[]): Promise<void> {
    this.#roots = roots.map((root) => path.resolve(root));
    this.#schedule();
    return this.refresh();
  }

  /** Looks at every folder now. Resolves when what it shows is what the folders held. */
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
    const anyActive = this.items().some(({ status }) => isActive(status));
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
    for (const { item } of this.#entries.values()) {
      if (isActive(item.status)) await this.#check(item.dir);
    }
    this.#watch();
  }

  async #check(dir: string): Promise<void> {
    const { files, parts, read } = this.#options;
    const before = this.#entries.get(dir);
    const stamps = { own: await stampsOf(dir, files), parts: new Map<Part, string>() };
    for (const [part, file] of Object.entries(parts) as [Part, string][]) {
      stamps.parts.set(part, await stampsOf(dir, [file]));
    }
    const isUnchanged = before?.stamps.own === stamps.own && !isActive(before.item.status);
    const item = isUnchanged ? before.item : await read(dir);
    if (item === undefined) return this.#remove(dir);
    this.#entries.set(dir, { item, stamps });
    if (before === undefined) return this.#emit({ type: "added", item });
    if (before.stamps.own !== stamps.own || before.item.status !== item.status) {
      this.#emit({ type: "changed", item });
    }
    for (const [part, stamp] of stamps.parts) {
      if (before.stamps.parts.get(part) !== stamp) this.#emit({ type: part, item });
    }
  }

  #remove(dir: string): void {
    const entry = this.#entries.get(dir);
    if (entry === undefined) return;
    this.#entries.delete(dir);
    this.#emit({ type: "removed", item: entry.item });
  }

  #emit(event: FolderEvent<Item, Part>): void {
    for (const listener of this.#listeners) listener(event);
  }

  /** Watches the roots and the active folders; polling finds what a watcher misses. */
  #watch(): void {
    const active = this.items().filter(({ status }) => isActive(status));
    const wanted = new Set([...this.#roots, ...active.map(({ dir }) => dir)]);
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

function tryWatch(dir: string, onChange: () => void): FSWatcher | undefined {
  try {
    return watch(dir, { persistent: false }, onChange);
  } catch {
    // Not there yet, or the system is out of watches: polling sees it.
    return undefined;
  }
}

async function stampsOf(dir: string, names: readonly string[]): Promise<string> {
  const stamps = names.map(async (name) => {
    const info = await stat(path.join(dir, name)).catch(() => undefined);
    return info ? `${info.mtimeMs}:${info.size}:${info.ino}` : "-";
  });
  return (await Promise.all(stamps)).join(" ");
}
