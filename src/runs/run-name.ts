/** What runs are called: by what they are, and no two of a workspace alike. */
import { readdir } from "node:fs/promises";
import path from "node:path";
import { dataName } from "../protocol/data-files.ts";
import { RUN_FILES } from "../protocol/run-folder.ts";
import { readJsonObject } from "../util/json.ts";

/** Of a default name; a person may choose a longer one. */
const MAX_PART_CHARS = 24;

/**
 * Base, method and data in few words: "retune-tiny-lora-dictionary".
 * @param of paths of the base model and the data, and the method's type
 */
export function defaultRunName(of: { base: string; method: string; data: string }): string {
  const base = stemOf(of.base);
  // "train" is what nearly every training file is called: the rest of its name tells it.
  const data = stemOf(of.data).replace(/(?<=.)[-_. ]+train(?:ing)?$/iu, "");
  return [base, of.method, data].map((part) => part.slice(0, MAX_PART_CHARS)).join("-");
}

function stemOf(file: string): string {
  return dataName(path.basename(file)).replace(/\.gguf$/iu, "");
}

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
