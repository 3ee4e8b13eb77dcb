import { mkdir, readdir, rename, rm } from "node:fs/promises";
import path from "node:path";
import { errorMessage, hasCode } from "./errors.ts";
import { isAbandoned, processMark } from "./process-mark.ts";

/** Windows keeps files that are open, be it by a virus scanner, for a moment. */
const REMOVAL = { recursive: true, force: true, maxRetries: 5, retryDelay: 100 } as const;

/**
 * Fills a temporary folder beside `dir` and puts it in `dir`'s place by rename. Whatever `fill`
 * throws, an earlier `dir` is still there and nothing half-written is left. Once the new one is in its place it
 * is saved: that the earlier one can't be removed is told.
 * @param effects.tell left out: a warning of the process, which goes to its standard error
 */
export async function replaceFolder(
  dir: string,
  fill: (temporary: string) => Promise<void>,
  { remove = removeFolder, tell = (line: string) => process.emitWarning(line) } = {},
): Promise<void> {
  // A trailing separator would put the temporary folder inside.
  const target = path.resolve(dir);
  const mark = await processMark();
  const temporary = `${target}.${mark}.tmp`;
  const old = `${target}.${mark}.old`;
  await mkdir(path.dirname(target), { recursive: true });
  await putBack(target);
  try {
    await mkdir(temporary);
    await fill(temporary);
    const hadOld = await moveIfThere(target, old);
    await rename(temporary, target).catch(async (error: unknown) => {
      if (hadOld) await rename(old, target);
      throw error;
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  await remove(old).catch((error: unknown) => {
    tell(
      `${target} is saved, but what was there before can't be removed: ${errorMessage(error)}; it is ${old}`,
    );
  });
}

function removeFolder(dir: string): Promise<void> {
  return rm(dir, REMOVAL);
}

async function moveIfThere(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
}

/** Undoes what a process did that was killed after it had moved `target` aside, before it put the new one there. */
async function putBack(target: string): Promise<void> {
  const names = await readdir(path.dirname(target));
  const own = path.basename(target);
  if (names.includes(own)) return;
  for (const name of names) {
    const [, base, mark = ""] = /^(.*)\.(\d+-[0-9a-f]+)\.old$/u.exec(name) ?? [];
    const aside = path.join(path.dirname(target), name);
    if (base !== own || !(await isAbandoned(aside, mark))) continue;
    await rename(aside, target);
    return;
  }
}
