/** Messages name files by absolute path: what lies in the open folder reads better without it. */
import path from "node:path";
import { localFolders } from "./local-folders.ts";

/** "/home/me/project/data/train.jsonl:2: …" → "data/train.jsonl:2: …" */
export function shortPaths(text: string): string {
  return localFolders().reduce(
    (shorter, folder) => shorter.replaceAll(folder + path.sep, ""),
    text,
  );
}
