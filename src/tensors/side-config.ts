/** config.json of a model folder that is made from another. */
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { InputError } from "../util/errors.ts";
import { type JsonObject, readJsonTextIfThere } from "../util/json.ts";
import { changedConfigText } from "./config-text.ts";

export const CONFIG_FILE = "config.json";

/**
 * Writes what `baseDir` has, with what `wanted` says otherwise.
 * @throws InputError where the base has none, or none that is JSON
 */
export async function writeChangedConfig(
  baseDir: string,
  outDir: string,
  wanted: JsonObject,
): Promise<void> {
  const file = path.join(baseDir, CONFIG_FILE);
  const text = await readJsonTextIfThere(file);
  if (text === undefined) throw new InputError(`${baseDir} has no ${CONFIG_FILE}`);
  const changed = changedConfigText(text, wanted, file);
  await writeFile(path.join(outDir, CONFIG_FILE), changed, { flush: true });
}
