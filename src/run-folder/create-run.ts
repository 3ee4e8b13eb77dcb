import path from "node:path";
import { RUN_FILES, type RunState } from "../protocol/run-folder.ts";
import { createFolder, createFreeFolder } from "./new-folder.ts";
import { freeRunName } from "./free-run-name.ts";

export interface CreateRunOptions {
  /** Any engine's; written as it is. */
  recipe: { readonly name: string; readonly [key: string]: unknown };
  /** Folder that holds the runs; the run gets a folder of its own inside. */
  runsDir: string;
  /** A folder of the caller's choosing in place of one inside runsDir; it must not hold a run yet. */
  runDir?: string;
}

/**
 * Makes a run folder with its recipe and the state `queued`. It appears by rename, whole. A name that
 * another run in `runsDir` has gets a number.
 * @returns its absolute path
 * @throws InputError when runDir exists and is not empty
 */
export async function createRun(options: CreateRunOptions): Promise<string> {
  const { runsDir, runDir } = options;
  const recipe = { ...options.recipe, name: await freeRunName(runsDir, options.recipe.name) };
  const createdAt = new Date().toISOString();
  const state: RunState = { status: "queued", step: 0, createdAt };
  const files = { [RUN_FILES.recipe]: recipe, [RUN_FILES.state]: state };
  const { name } = options.recipe;
  if (runDir === undefined) return createFreeFolder(runsDir, { name, kind: "run" }, files);
  const target = path.resolve(runDir);
  await createFolder(target, "run", files);
  return target;
}
