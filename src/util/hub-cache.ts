import { homedir } from "node:os";
import path from "node:path";

/** Where huggingface_hub keeps downloads: HF_HUB_CACHE, else HF_HOME/hub, else ~/.cache/huggingface/hub. */
export function hubCacheFolder(env: NodeJS.ProcessEnv = process.env, home = homedir()): string {
  if (env["HF_HUB_CACHE"]) return env["HF_HUB_CACHE"];
  if (env["HF_HOME"]) return path.join(env["HF_HOME"], "hub");
  return path.join(env["XDG_CACHE_HOME"] || path.join(home, ".cache"), "huggingface", "hub");
}
