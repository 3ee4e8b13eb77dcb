/** New folders of runs and of interpolations: named after what they hold and when, there whole or not at all. */
import { mkdir, rename, rm, rmdir, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { InputError, errorMessage } from "../util/errors.ts";
import { pathExists } from "../util/path-exists.ts";
import { temporaryName } from "../util/temporary-name.ts";

const MAX_SLUG_CHARS = 48;

function slug(name: string, fallback: string): string {
  const plain = name
    .normalize("NFKD")
    .replace(/[^\p{ASCII}]/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/gu, "-")
    .slice(0, MAX_SLUG_CHARS)
    .replace(/^-+|-+$/gu, "");
  return plain === "" ? fallback : plain;
}

function timestamp(date: Date): string {
  const digits = date.toISOString().replace(/\D/gu, "");
  return `${digits.slice(0, 8)}-${digits.slice(8, 14)}`;
}

/**
 * @param kind what it is called when its name has no letter: "run"
 * @param ending of a file in place of a folder: ".json"
 */
export async function freeFolder(
  parent: string,
  name: string,
  kind: string,
  ending = "",
): Promise<string> {
  const base = path.join(parent, `${slug(name, kind)}-${timestamp(new Date())}`);
  for (let number = 1; ; number++) {
    const candidate = `${base}${number === 1 ? "" : `-${number}`}${ending}`;
    if (!(await pathExists(candidate))) return candidate;
  }
}

class FolderTakenError extends InputError {}

/**
 * @param files name → what is written as JSON
 * @throws FolderTakenError when the folder exists and is not empty; InputError where none can be made
 */
export async function createFolder(
  target: string,
  kind: string,
  files: Readonly<Record<string, unknown>>,
): Promise<void> {
  // Hidden, so that nobody takes it for a run.
  const hidden = path.join(path.dirname(target), `.${path.basename(target)}`);
  const temporary = temporaryName(hidden);
  const fail = (error: unknown): never => {
    const message = `${kind} folder ${target} can't be made: ${errorMessage(error)}`;
    throw new InputError(message, { cause: error });
  };
  await mkdir(path.dirname(target), { recursive: true }).catch(fail);
  try {
    await mkdir(temporary).catch(fail);
    for (const [name, content] of Object.entries(files)) {
      await writeFile(path.join(temporary, name), JSON.stringify(content, null, 2)).catch(fail);
    }
    // Windows renames to no folder that is there, not even to an empty one; this removes no other.
    await rmdir(target).catch(() => undefined);
    await rename(temporary, target).catch(async (error: unknown) => {
      if (!(await pathExists(target))) fail(error);
      throw new FolderTakenError(
        `${kind} folder ${target} exists and is not empty; choose another`,
      );
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** As createFolder, under a name that is still free when others make folders at the same moment. */
export async function createFreeFolder(
  parent: string,
  { name, kind }: { name: string; kind: string },
  files: Readonly<Record<string, unknown>>,
): Promise<string> {
  for (;;) {
    const target = path.resolve(await freeFolder(parent, name, kind));
    try {
      await createFolder(target, kind, files);
      return target;
    } catch (error) {
      if (!(error instanceof FolderTakenError)) throw error;
    }
  }
}

/** A folder without state.json this young is still being created. */
const CREATION_GRACE_MS = 3_000;

/** Whether a folder that lacks a file may still get it; one that is gone meanwhile counts as such. */
export async function mayBecomeWhole(dir: string, now = Date.now()): Promise<boolean> {
  const info = await stat(dir).catch(() => undefined);
  return info === undefined || now - info.mtimeMs < CREATION_GRACE_MS;
}
