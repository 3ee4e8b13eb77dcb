import { homedir } from "node:os";
import path from "node:path";

/** The user's cache of one kind of derived data: `$RETUNE_CACHE/KIND`, or `~/.cache/retune/KIND`. */
export function defaultCacheDir(kind: "gguf" | "openvino" | "quantised" | "tokens"): string {
  const root = process.env["RETUNE_CACHE"] ?? path.join(homedir(), ".cache", "retune");
  return path.join(root, kind);
}
