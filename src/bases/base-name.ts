/** What a base model is called: never a path, for cards travel. */
import path from "node:path";
import { readJsonObject } from "../util/json.ts";
import { baseLabel } from "./references.ts";

/** The repository's name for a snapshot of Hugging Face's cache, a .gguf's for its import, else the folder's own. */
export async function baseNameOf(dir: string): Promise<string> {
  const [, repository] = /models--([^/\\]+)[/\\]snapshots[/\\][^/\\]+$/.exec(dir) ?? [];
  if (repository !== undefined) return repository.replaceAll("--", "/");
  const source = await importedFrom(dir);
  return baseLabel(path.basename(source ?? dir));
}

/** The source of a dequantised copy in the cache (gguf/import-cache.ts). */
async function importedFrom(dir: string): Promise<string | undefined> {
  try {
    const { source } = await readJsonObject(path.join(dir, "origin.json"));
    return typeof source === "string" ? source : undefined;
  } catch {
    return undefined;
  }
}

/** Names a model that is merged with others: the repository's name for a snapshot of Hugging Face's cache, else the folder's own; no path of this machine. */
export function baseName(dir: string): string {
  const [, repository] = /models--([^/\\]+)[/\\]snapshots[/\\][^/\\]+$/.exec(dir) ?? [];
  if (repository !== undefined) return repository.replaceAll("--", "/");
  const name = path.basename(dir);
  // A run's result: many have this name.
  return name === "model" ? `${path.basename(path.dirname(dir))}/${name}` : name;
}
