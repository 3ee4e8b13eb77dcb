/** Finds base models on disk without an editor: below a folder, and in Hugging Face's cache. */
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { isOfferedFile } from "../../bases/references.ts";

/** Deep enough for vendor/model/variant, shallow enough for a whole disk added by mistake. */
const MAX_DEPTH = 4;
const MAX_FOLDERS = 5_000;
const SKIPPED = new Set(["node_modules", "checkpoints", "__pycache__"]);

/** Folders with config.json and *.safetensors, and *.gguf files, as absolute paths. */
export async function findModelsBelow(folder: string): Promise<string[]> {
  const found: string[] = [];
  const pending = [{ folder: path.resolve(folder), depth: 0 }];
  for (let visited = 0; pending.length > 0 && visited < MAX_FOLDERS; visited++) {
    const next = pending.shift();
    if (next === undefined) break;
    const entries = await readdir(next.folder, { withFileTypes: true }).catch(() => []);
    const files = entries.filter((entry) => !entry.isDirectory()).map((entry) => entry.name);
    const models = modelsAmong(files.map((name) => path.join(next.folder, name)));
    for (const model of models) found.push(model);
    if (next.depth === MAX_DEPTH) continue;
    for (const entry of entries) {
      if (!entry.isDirectory() || SKIPPED.has(entry.name) || entry.name.startsWith(".")) continue;
      pending.push({ folder: path.join(next.folder, entry.name), depth: next.depth + 1 });
    }
  }
  return found.toSorted();
}

/** The models that a list of file paths makes up. */
export function modelsAmong(files: readonly string[]): string[] {
  const configured = new Set(
    files.filter((file) => path.basename(file) === "config.json").map((file) => path.dirname(file)),
  );
  const weighted = new Set(
    files.filter((file) => file.endsWith(".safetensors")).map((file) => path.dirname(file)),
  );
  const folders = [...configured].filter((folder) => weighted.has(folder));
  return [...folders, ...files.filter(isOfferedFile)];
}

export interface CachedModel {
  path: string;
  /** "HuggingFaceTB/SmolLM2-135M-Instruct" */
  repository: string;
}

/** The snapshot that a branch points to, of every model in the cache. */
export async function findCachedModels(cache: string): Promise<CachedModel[]> {
  const models: CachedModel[] = [];
  const repositories = await readdir(cache).catch(() => []);
  for (const name of repositories.toSorted((a, b) => a.localeCompare(b))) {
    if (!name.startsWith("models--")) continue;
    const repository = name.slice("models--".length).replaceAll("--", "/");
    for (const snapshot of await currentSnapshots(path.join(cache, name))) {
      const files = await readdir(snapshot).catch(() => []);
      for (const model of modelsAmong(files.map((file) => path.join(snapshot, file)))) {
        const isFile = model !== snapshot;
        models.push({
          path: model,
          repository: isFile ? `${repository}/${path.basename(model)}` : repository,
        });
      }
    }
  }
  return models;
}

/** Snapshots of refs/*; all of them when no ref says which is current. */
async function currentSnapshots(repository: string): Promise<string[]> {
  const refs = await readdir(path.join(repository, "refs")).catch(() => []);
  const commits = new Set<string>();
  for (const ref of refs) {
    const commit = await readFile(path.join(repository, "refs", ref), "utf8").catch(() => "");
    if (/^[0-9a-f]{40}$/.test(commit.trim())) commits.add(commit.trim());
  }
  const snapshots = path.join(repository, "snapshots");
  const present = await readdir(snapshots).catch(() => []);
  const current = present.filter((commit) => commits.has(commit));
  return (current.length > 0 ? current : present).map((commit) => path.join(snapshots, commit));
}
