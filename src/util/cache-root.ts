import { homedir } from "node:os";
import path from "node:path";

/**
 * What lies there: graphs that OpenVINO has compiled, imports of .gguf files, OpenVINO's libraries, quantised weights,
 * tokens of data files.
 */
export const CACHE_KINDS = ["compiled", "gguf", "openvino", "quantised", "tokens"] as const;

export type CacheKind = (typeof CACHE_KINDS)[number];

/** The user's cache of one kind of derived data: `$RETUNE_CACHE/KIND`, or `~/.cache/retune/KIND`. */
export function defaultCacheDir(kind: CacheKind): string {
  const root = process.env["RETUNE_CACHE"] ?? path.join(homedir(), ".cache", "retune");
  return path.join(root, kind);
}
