/** Where a merged model may be written. */
import { mkdir, readdir, realpath, rm, stat, statfs } from "node:fs/promises";
import path from "node:path";
import { InputError, errorMessage, hasCode } from "../util/errors.ts";
import { processMark } from "../util/process-mark.ts";
import { removeAbandoned } from "../util/cache-folder.ts";

/** For the files whose size is not reckoned: index, card, the file system's own. */
const SPARE_BYTES = 1_000_000;

/** @throws InputError when the folder is taken or would mix with what is merged */
export async function checkOutput(outDir: string, inputs: readonly string[]): Promise<void> {
  const entries = await readdir(outDir).catch((error: unknown) => {
    if (hasCode(error, "ENOENT")) return [];
    if (hasCode(error, "ENOTDIR")) throw new InputError(`${outDir} is a file; name a new folder`);
    throw new InputError(`${outDir} cannot be read: ${errorMessage(error)}`, { cause: error });
  });
  if (entries.length > 0) throw new InputError(`${outDir} is not empty; name a new folder`);
  const out = await realTarget(outDir);
  for (const input of inputs) {
    const real = await realpath(input);
    const relative = path.relative(real, out);
    const isInside = !path.isAbsolute(relative) && relative.split(path.sep)[0] !== "..";
    if (isInside) throw new InputError(`${outDir} is inside ${input}; name a folder outside it`);
  }
}

/** The path without symbolic links, its missing end included. */
async function realTarget(folder: string): Promise<string> {
  const existing = await nearestExisting(folder);
  return path.join(await realpath(existing), path.relative(existing, path.resolve(folder)));
}

async function nearestExisting(folder: string): Promise<string> {
  for (let at = path.resolve(folder); ; at = path.dirname(at)) {
    const found = await stat(at).catch(() => undefined);
    if (found || at === path.dirname(at)) return at;
  }
}

/**
 * A folder beside the output, on the disk that has room, for what is needed on the way; gone at the end. It is
 * named as `replaceFolder` names its own, so that the next merge to this output removes what a kill leaves.
 */
export async function besideOutput<T>(
  outDir: string,
  use: (folder: string) => Promise<T>,
): Promise<T> {
  await removeAbandoned(outDir);
  const folder = `${path.resolve(outDir)}.${await processMark()}.tmp`;
  await mkdir(folder, { recursive: true });
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Removes what merges to this folder left that were killed: whole models, which take room.
 * @throws InputError when the disk has less room than the merged model takes
 */
export async function makeRoom(outDir: string, bytes: number): Promise<void> {
  await removeAbandoned(outDir);
  const { bavail, bsize } = await statfs(await nearestExisting(outDir));
  const free = bavail * bsize;
  const needed = bytes + SPARE_BYTES;
  if (free < needed) {
    throw new InputError(
      `${outDir}: the merged model needs ${megabytes(needed)} MB, the disk has ${megabytes(free)} MB left; free some or name a folder on another disk`,
    );
  }
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
