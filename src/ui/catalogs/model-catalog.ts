/**
 * The base models that the user can start from. Nothing is searched before somebody asks; an answer
 * is kept until `invalidate`.
 */
import { stat } from "node:fs/promises";
import * as vscode from "vscode";
import { type ModelSummary, summariseModel } from "../../cards/model-summary.ts";
import { errorMessage } from "../../util/errors.ts";
import { modelFolders, searchesHuggingFaceCache } from "../settings.ts";
import { Catalog } from "./catalog.ts";
import { offeredPatterns } from "../../bases/references.ts";
import { hubCacheFolder } from "../../util/hub-cache.ts";
import { bySourceAndLabel, labelOf, withUniqueLabels } from "./model-labels.ts";
import { findCachedModels, findModelsBelow, modelsAmong } from "./model-folders.ts";

export interface ModelEntry {
  /** Absolute path of the folder or file. */
  readonly path: string;
  readonly label: string;
  readonly source: "workspace" | "folder" | "cache";
  /** When its folder or file was last changed, in milliseconds. */
  readonly changedAt?: number;
  /** The added folder that it was found in. */
  readonly modelFolder?: string;
  readonly summary?: ModelSummary;
  /** One line: why it can't be read. */
  readonly problem?: string;
}

/** Left out of every workspace search: dependencies and the checkpoints of runs. */
export const SEARCH_EXCLUDES = "**/{node_modules,.git,checkpoints,__pycache__}/**";
const PARALLEL_READS = 8;

type Found = Omit<ModelEntry, "summary" | "problem" | "changedAt">;

export class ModelCatalog extends Catalog<ModelEntry> {
  readonly #log: vscode.LogOutputChannel;
  readonly #summaries = new Map<string, ModelEntry & { stamp: string }>();

  constructor(log: vscode.LogOutputChannel) {
    super();
    this.#log = log;
  }

  protected override async search(): Promise<readonly ModelEntry[]> {
    const startedAt = performance.now();
    const groups = await Promise.all([inWorkspace(), inAddedFolders(), inCache()]);
    const found = new Map<string, Found>();
    for (const entry of groups.flat()) {
      if (!found.has(entry.path)) found.set(entry.path, entry);
    }
    const pending = [...found.values()];
    const entries: ModelEntry[] = [];
    const read = async () => {
      for (let next = pending.shift(); next; next = pending.shift()) {
        entries.push(await this.#summarise(next));
      }
    };
    await Promise.all(Array.from({ length: PARALLEL_READS }, read));
    const ms = Math.round(performance.now() - startedAt);
    this.#log.debug(`found ${entries.length} base models in ${ms} ms`);
    return withUniqueLabels(entries).toSorted(bySourceAndLabel);
  }

  async #summarise(found: Found): Promise<ModelEntry> {
    const { mtimeMs, size } = await stat(found.path).catch(() => ({ mtimeMs: 0, size: 0 }));
    const stamp = `${mtimeMs}:${size}`;
    const known = this.#summaries.get(found.path);
    // A folder's own time does not change when a file in it does, so a broken one is read again.
    if (known?.stamp === stamp && known.problem === undefined) return { ...known, ...found };
    const entry = await summariseModel(found.path).then(
      (summary): ModelEntry => ({ ...found, changedAt: mtimeMs, summary }),
      (error: unknown): ModelEntry => ({
        ...found,
        changedAt: mtimeMs,
        problem: errorMessage(error),
      }),
    );
    if (entry.problem !== undefined) this.#log.warn(entry.problem);
    this.#summaries.set(found.path, { ...entry, stamp });
    return entry;
  }
}

async function inWorkspace(): Promise<Found[]> {
  const searched = ["config.json", "*.safetensors", ...offeredPatterns()].join(",");
  const files = await vscode.workspace.findFiles(`**/{${searched}}`, SEARCH_EXCLUDES);
  const paths = files
    .filter((uri) => uri.scheme === "file")
    .map((uri) => uri.fsPath)
    // What an interpolation has under evaluation is gone in a moment.
    .filter((file) => !/[\\/]\.retune[\\/]interpolations[\\/]/.test(file));
  return modelsAmong(paths).map((model) => ({
    path: model,
    label: labelOf(model),
    source: "workspace",
  }));
}

async function inAddedFolders(): Promise<Found[]> {
  const groups = await Promise.all(
    modelFolders().map(async (folder): Promise<Found[]> => {
      const models = await findModelsBelow(folder);
      return models.map((model) => ({
        path: model,
        label: labelOf(model),
        source: "folder",
        modelFolder: folder,
      }));
    }),
  );
  return groups.flat();
}

async function inCache(): Promise<Found[]> {
  if (!searchesHuggingFaceCache()) return [];
  const models = await findCachedModels(hubCacheFolder());
  return models.map(({ path: model, repository }) => ({
    path: model,
    label: repository,
    source: "cache",
  }));
}
