/** Keeps a cache within its limit. An entry is a file or a folder; what is being written ends with .tmp (temporary-name.ts). */
import { readdir, rm, stat } from "node:fs/promises";
import path from "node:path";

/** The longest unused go first. */
const MAX_CACHE_BYTES = 2 ** 32;
/** What a killed process left behind is older than this. */
const MAX_WRITING_MS = 3_600_000;

/**
 * @param options.usedFile the file of a folder whose time of modification is that of the last use; left out: the entry's own
 * @throws what reading `dir` throws; an entry that another process takes away meanwhile is none
 */
export async function pruneCache(
  dir: string,
  { usedFile }: { usedFile?: string } = {},
): Promise<void> {
  const entries = await Promise.all(
    (await readdir(dir)).map(async (name) => {
      const place = path.join(dir, name);
      return { place, ...(await sizeAndUse(place, usedFile)) };
    }),
  );
  let total = 0;
  for (const { place, bytes, usedMs } of entries.toSorted((a, b) => b.usedMs - a.usedMs)) {
    total += bytes;
    const isWriting = place.endsWith(".tmp");
    const isLeft = isWriting && usedMs < Date.now() - MAX_WRITING_MS;
    const isTooMuch = !isWriting && total > MAX_CACHE_BYTES;
    if (isLeft || isTooMuch) await rm(place, { recursive: true, force: true }).catch(() => {});
  }
}

async function sizeAndUse(
  place: string,
  usedFile: string | undefined,
): Promise<{ bytes: number; usedMs: number }> {
  const names = await readdir(place).catch((): string[] => []);
  const found = await Promise.all(
    [".", ...names].map(async (name) => {
      const file = path.join(place, name);
      return { name, facts: await stat(file).catch(() => undefined) };
    }),
  );
  const used = found.find(({ name, facts }) => name === usedFile && facts) ?? found[0];
  return {
    bytes: found.reduce((sum, { facts }) => sum + (facts?.isFile() ? facts.size : 0), 0),
    usedMs: used?.facts?.mtimeMs ?? 0,
  };
}
