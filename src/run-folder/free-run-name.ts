/** No two runs of a workspace are called alike. */
import { readdir } from "node:fs/promises";
import path from "node:path";
import { RUN_FILES } from "../protocol/run-folder.ts";
import { readJsonObject } from "../util/json.ts";

/**
 * `name`, or with the first free number behind it where a run in `runsDir` has it already: "tone",
 * "tone-2", "tone-3".
 */
export async function freeRunName(runsDir: string, name: string): Promise<string> {
  const taken = new Set(await Promise.all((await readdir(runsDir).catch(() => [])).map(nameIn)));
  async function nameIn(folder: string): Promise<unknown> {
    const file = path.join(runsDir, folder, RUN_FILES.recipe);
    // What can't be read has no name to clash with.
    const recipe = await readJsonObject(file).catch(() => undefined);
    return recipe?.["name"];
  }
  for (let number = 1; ; number++) {
    const candidate = number === 1 ? name : `${name}-${number}`;
    if (!taken.has(candidate)) return candidate;
  }
}
