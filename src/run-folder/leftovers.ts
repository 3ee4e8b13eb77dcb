/**
 * What a killed process left in its run's folder: whole models under a temporary name, and folders
 * that were moved aside a moment before their new version took their place.
 */
import { readdir, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { RUN_FILES } from "../protocol/run-folder.ts";
import { INTERPOLATION_FILES } from "../protocol/interpolation.ts";
import { errorMessage, hasCode } from "../util/errors.ts";

/**
 * NAME.PID.tmp and NAME.PID-UNIQUE.tmp; NAME.PID-UNIQUE.old; as write-file-atomic names them,
 * NAME.json.NUMBER; and a takeover of the lock that was never ended, lock.TOKEN.
 */
const LEFTOVER =
  /^(?<target>.+?)(?:\.\d+(?:-[0-9a-f]+)?\.(?<kind>tmp|old)|(?<=\.jsonl?)\.\d+|(?<=^lock)\.[0-9a-f-]{36})$/u;
/** Files that others than the holder of the run's lock may be writing now. */
const SHARED: readonly string[] = [RUN_FILES.control, RUN_FILES.lock];
/** Nobody takes so long to write a few bytes. */
const SHARED_AGE_MS = 60_000;

/**
 * Removes leftovers, and puts back what a replacement moved aside and never replaced. Only for
 * whoever holds the run's lock: no other process then writes here. What can't be removed (Windows
 * keeps files that are open) is in nobody's way, and goes the next time.
 * @returns what was done, one line each
 */
export async function removeLeftovers(runDir: string): Promise<string[]> {
  const done: string[] = [];
  for (const dir of [runDir, path.join(runDir, RUN_FILES.checkpoints)]) {
    const names = await readdir(dir).catch((error: unknown) => {
      if (!hasCode(error, "ENOENT")) done.push(`${dir} can't be read: ${errorMessage(error)}`);
      return [];
    });
    const present = new Set(names);
    for (const name of names) {
      const line = await removeLeftover(dir, name, present).catch(
        (error: unknown) =>
          `${name}, which a killed process left, can't be removed: ${errorMessage(error)}`,
      );
      if (line !== undefined) done.push(line);
    }
  }
  return done;
}

/** @param present names in `dir`, which one that is put back joins */
async function removeLeftover(
  dir: string,
  name: string,
  present: Set<string>,
): Promise<string | undefined> {
  const { target = "", kind } = LEFTOVER.exec(name)?.groups ?? {};
  if (target === "" || (await mayBeWritten(path.join(dir, name), target))) return undefined;
  if (kind === "old" && !present.has(target)) {
    await rename(path.join(dir, name), path.join(dir, target));
    present.add(target);
    return `${target} is back: a process was killed while it replaced it`;
  }
  await rm(path.join(dir, name), { recursive: true, force: true, maxRetries: 3 });
  return `removed ${name}, which a killed process left`;
}

async function mayBeWritten(file: string, target: string): Promise<boolean> {
  if (!SHARED.some((name) => target === name || target.startsWith(`${name}.`))) return false;
  const found = await stat(file).catch(() => undefined);
  return found !== undefined && Date.now() - found.mtimeMs < SHARED_AGE_MS;
}

/** Only under the folder's lock. */
export async function removeWhatWasLeft(dir: string): Promise<void> {
  await removeLeftovers(dir);
  await rm(path.join(dir, INTERPOLATION_FILES.work), {
    recursive: true,
    force: true,
    maxRetries: 3,
  });
}
