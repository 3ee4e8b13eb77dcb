/** What a base model is called: never a path, for cards travel. */
import path from "node:path";
import { readJsonObject } from "../util/json.ts";
import type { MergeAdapter } from "./adapter-changes.ts";

/** The repository's name for a snapshot of Hugging Face's cache, a .gguf's for its import, else the folder's own. */
export async function baseNameOf(dir: string): Promise<string> {
  const [, repository] = /models--([^/\\]+)[/\\]snapshots[/\\][^/\\]+$/.exec(dir) ?? [];
  if (repository !== undefined) return repository.replaceAll("--", "/");
  const source = await importedFrom(dir);
  return path.basename(source ?? dir).replace(/\.gguf$/iu, "");
}

/** Of a dequantised copy in the cache (gguf/import-cache.ts). */
async function importedFrom(dir: string): Promise<string | undefined> {
  try {
    const { source } = await readJsonObject(path.join(dir, "origin.json"));
    return typeof source === "string" ? source : undefined;
  } catch {
    return undefined;
  }
}

/** What an adapter says it was trained on, where that is called otherwise than the base; shapes alone don't tell. */
export function otherBase({ folder }: MergeAdapter, baseName: string): string | undefined {
  const { base_model_name_or_path: stated } = folder.config;
  if (!stated) return undefined;
  const [, repository] = /models--([^/\\]+)[/\\]snapshots/.exec(stated) ?? [];
  const last = (name: string): string =>
    (name.replaceAll("--", "/").split(/[/\\]/).findLast(Boolean) ?? "")
      .replace(/\.gguf$/iu, "")
      .toLowerCase();
  return last(repository ?? stated) === last(baseName) ? undefined : stated;
}
