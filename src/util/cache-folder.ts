/** Folders that Retune derives from a model once and keeps: imports of a .gguf, quantised weights. */
import { createHash } from "node:crypto";
import { readdir, rm, statfs } from "node:fs/promises";
import path from "node:path";
import { InputError, hasCode } from "./errors.ts";
import { isAbandoned } from "./process-mark.ts";

/** Enough to tell sources of the same name apart. */
const HASH_DIGITS = 12;
/** Room for the small files and the file system's own needs. */
const SPARE_BYTES = 2 ** 26;

/**
 * @param source the real path of what the folder is made of
 * @param name of the source, for people who look into the cache
 */
export function cacheFolder(cacheDir: string, source: string, name: string): string {
  const hash = createHash("sha256").update(source).digest("hex").slice(0, HASH_DIGITS);
  return path.join(path.resolve(cacheDir), `${name.replaceAll(/[^\w.-]/gu, "_")}-${hash}`);
}

/** @throws InputError when the disk has no room for `bytes` more; `doing` is the message's subject */
export async function checkRoom(dir: string, bytes: number, doing: string): Promise<void> {
  const needed = bytes + SPARE_BYTES;
  const { bavail, bsize } = await statfs(dir);
  if (bavail * bsize < needed) {
    const gigabytes = (count: number): string => `${(count / 1e9).toFixed(1)} GB`;
    throw new InputError(
      `${path.dirname(dir)}: ${doing} takes ${gigabytes(needed)} and ${gigabytes(bavail * bsize)} are free; make room, or set RETUNE_CACHE to a folder on another disk`,
    );
  }
}

/**
 * Removes what processes left behind that were killed while they made this folder. What they had moved aside
 * stays where it is all that there is: `replaceFolder` puts it back.
 */
export async function removeAbandoned(dir: string): Promise<void> {
  const parent = path.dirname(dir);
  const names = await readdir(parent).catch((error: unknown): string[] => {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  });
  for (const name of names) {
    // As `replaceFolder` names them.
    const [, base, mark = "", kind] = /^(.*)\.(\d+-[0-9a-f]+)\.(tmp|old)$/u.exec(name) ?? [];
    const left = path.join(parent, name);
    if (base !== path.basename(dir) || (kind === "old" && !names.includes(base))) continue;
    if (await isAbandoned(left, mark)) await rm(left, { recursive: true, force: true });
  }
}
