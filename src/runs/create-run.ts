import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import type { ResolvedRecipe } from "../protocol/recipe.ts";
import { RUN_FILES, type RunState } from "../protocol/run-folder.ts";
import { InputError, hasCode } from "../util/errors.ts";
import { pathExists } from "../util/path-exists.ts";

export interface CreateRunOptions {
  recipe: ResolvedRecipe;
  /** Folder that holds the runs; the run gets a folder of its own inside. */
  runsDir: string;
  /** A folder of the caller's choosing in place of one inside runsDir; it must not hold a run yet. */
  runDir?: string;
}

const MAX_SLUG_CHARS = 48;

function slug(name: string): string {
  const plain = name
    .normalize("NFKD")
    .replace(/[^\p{ASCII}]/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/gu, "-")
    .slice(0, MAX_SLUG_CHARS)
    .replace(/^-+|-+$/gu, "");
  return plain === "" ? "run" : plain;
}

function timestamp(date: Date): string {
  const digits = date.toISOString().replace(/\D/gu, "");
  return `${digits.slice(0, 8)}-${digits.slice(8, 14)}`;
}

/**
 * Makes a run folder with its recipe and the state `queued`. It appears by rename, whole.
 * @returns its absolute path
 * @throws InputError when runDir exists and is not empty
 */
export async function createRun({ recipe, runsDir, runDir }: CreateRunOptions): Promise<string> {
  const target = path.resolve(runDir ?? (await freeFolder(runsDir, recipe)));
  const createdAt = new Date().toISOString();
  const state: RunState = { status: "queued", step: 0, createdAt };
  const temporary = `${target}.${process.pid}.tmp`;
  await mkdir(path.dirname(target), { recursive: true });
  try {
    await mkdir(temporary);
    await writeFile(path.join(temporary, RUN_FILES.recipe), JSON.stringify(recipe, null, 2));
    await writeFile(path.join(temporary, RUN_FILES.state), JSON.stringify(state, null, 2));
    await rename(temporary, target).catch((error: unknown) => {
      if (!hasCode(error, "ENOTEMPTY") && !hasCode(error, "EEXIST")) throw error;
      throw new InputError(`run folder ${target} exists and is not empty; choose another`);
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return target;
}

async function freeFolder(runsDir: string, { name }: ResolvedRecipe): Promise<string> {
  const base = path.join(runsDir, `${slug(name)}-${timestamp(new Date())}`);
  for (let number = 1; ; number++) {
    const candidate = number === 1 ? base : `${base}-${number}`;
    if (!(await pathExists(candidate))) return candidate;
  }
}
