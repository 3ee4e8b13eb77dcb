/** Base models on this machine: where each is loaded from. Apart from references.ts, which the editor reads. */
import { Registry } from "../util/registry.ts";
import type { BaseCopy, BaseLoader, BaseReference } from "./base-kind.ts";
import { loadFolder } from "./folder.ts";
import { ggufLoader } from "./gguf-loader.ts";
import { baseAt, locateBase } from "./references.ts";

/** Kinds that are not loaded from the folder they lie in. */
export const BASE_LOADERS = new Registry<BaseLoader>("loader of base models", [ggufLoader]);

export interface LoadedBase {
  /** What was named: a path. */
  named: string;
  /** The Hugging Face folder that it is loaded from. */
  dir: string;
  /** Where `dir` is a copy of it. */
  copy?: BaseCopy | undefined;
}

/**
 * @param base a path, or what was read before
 * @throws InputError when there is nothing to load
 */
export async function loadBase(
  base: string | BaseReference,
  log: (line: string) => void = () => {},
): Promise<LoadedBase> {
  const reference = typeof base === "string" ? baseAt(base) : base;
  const loader = BASE_LOADERS.find(reference.kind);
  const location = await locateBase(reference);
  const located = { ...reference, location };
  const dir = await (loader ? loader.load(located, log) : loadFolder(located));
  return { named: location, dir, copy: dir === location ? undefined : loader?.copy };
}

/** The folder alone. @throws InputError when there is nothing to load */
export async function resolveBase(
  base: string | BaseReference,
  log?: (line: string) => void,
): Promise<string> {
  const { dir } = await loadBase(base, log);
  return dir;
}
