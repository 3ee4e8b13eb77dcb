/** Adapters of runs and of the workspace. Like the models, searched only when somebody asks. */
import { stat } from "node:fs/promises";
import path from "node:path";
import * as vscode from "vscode";
import { RUN_FILES } from "../../protocol/run-folder.ts";
import type { Run } from "../../run-folder/run.ts";
import type { RunStore } from "../../runs/run-store.ts";
import { errorMessage } from "../../util/errors.ts";
import { pathExists } from "../../util/path-exists.ts";
import { type AdapterSummary, summariseAdapter } from "../../cards/model-summary.ts";
import { figureOf } from "../run-text.ts";
import { Catalog } from "./catalog.ts";
import { SEARCH_EXCLUDES } from "./model-catalog.ts";

export interface AdapterEntry {
  /** Absolute path of the folder. */
  readonly path: string;
  readonly label: string;
  /** The run that made it, as the folder of that run. */
  readonly runDir?: string;
  readonly runName?: string;
  /** Where its base model is, when a run of ours made it. */
  readonly basePath?: string;
  /** What adapters are grouped by: the base's absolute path where it is known, else its name as the adapter has it. */
  readonly base?: string;
  /** When it was made, in milliseconds. */
  readonly madeAt: number;
  /** What its run measured: "0.7824". */
  readonly figure?: string;
  readonly summary?: AdapterSummary;
  readonly problem?: string;
}

export class AdapterCatalog extends Catalog<AdapterEntry> {
  readonly #store: RunStore;
  readonly #log: vscode.LogOutputChannel;

  constructor(store: RunStore, log: vscode.LogOutputChannel) {
    super();
    this.#store = store;
    this.#log = log;
  }

  protected override async search(): Promise<readonly AdapterEntry[]> {
    const files = await vscode.workspace.findFiles(
      "**/{adapter,reft}_config.json",
      SEARCH_EXCLUDES,
    );
    const folders = new Set(
      files.filter((uri) => uri.scheme === "file").map((uri) => path.dirname(uri.fsPath)),
    );
    // The store knows of runs that a search may leave out.
    for (const run of this.#store.runs()) {
      if (run.hasAdapter) folders.add(path.join(run.dir, RUN_FILES.adapter));
    }
    const entries = await Promise.all([...folders].map((folder) => this.#read(folder)));
    return entries.toSorted((a, b) => b.madeAt - a.madeAt || a.label.localeCompare(b.label));
  }

  async #read(folder: string): Promise<AdapterEntry> {
    const run = this.#store.get(path.dirname(folder));
    const figure = run && figureOf(run)?.value;
    const entry = {
      path: folder,
      label: run?.name ?? path.basename(folder),
      madeAt: await timeOf(folder, run),
      ...(run ? { runDir: run.dir, runName: run.name } : {}),
      ...(run?.recipe ? { basePath: run.recipe.base, base: run.recipe.base } : {}),
      // A hub's or a provider's name; the adapter itself may know a path.
      ...(run?.foreign?.base === undefined ? {} : { base: run.foreign.base }),
      ...(figure === undefined ? {} : { figure }),
    };
    try {
      const summary = await summariseAdapter(folder);
      const base = entry.basePath ?? (await knownBase(folder, summary.base));
      return { ...entry, summary, ...(base === undefined ? {} : { base }) };
    } catch (error) {
      this.#log.warn(errorMessage(error));
      return { ...entry, problem: errorMessage(error) };
    }
  }
}

/** An adapter names its base by a path, from its own folder or absolute, or by a hub's name. */
async function knownBase(folder: string, named: string | undefined): Promise<string | undefined> {
  if (named === undefined) return undefined;
  const local = path.resolve(folder, named);
  return (await pathExists(local)) ? local : named;
}

async function timeOf(folder: string, run: Run | undefined): Promise<number> {
  const ended = Date.parse(run?.state?.endedAt ?? "");
  if (!Number.isNaN(ended)) return ended;
  return (await stat(folder).catch(() => undefined))?.mtimeMs ?? 0;
}
