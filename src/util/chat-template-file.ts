/** Where a Hugging Face folder keeps its chat template: transformers 5 in a file, 4 in tokenizer_config.json. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { InputError, errorMessage, hasCode } from "./errors.ts";
import { readJsonObjectIfThere } from "./json.ts";

/** Read before what tokenizer_config.json says. */
export const TEMPLATE_FILE = "chat_template.jinja";

/**
 * The folder's chat template; of several by name the one called "default".
 * @throws InputError naming the file that can't be read
 */
export async function chatTemplateOf(dir: string): Promise<string | undefined> {
  const beside = await readIfThere(path.join(dir, TEMPLATE_FILE));
  if (beside !== undefined) return beside;
  const config = (await readJsonObjectIfThere(path.join(dir, "tokenizer_config.json"))) ?? {};
  const { chat_template: found } = config;
  if (typeof found === "string") return found;
  const named: unknown[] = Array.isArray(found) ? found : [];
  for (const each of named) {
    if (typeof each !== "object" || each === null || !("template" in each)) continue;
    if ("name" in each && each.name === "default" && typeof each.template === "string") {
      return each.template;
    }
  }
  return undefined;
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (hasCode(error, "ENOENT") || hasCode(error, "ENOTDIR")) return undefined;
    throw new InputError(`${file}: ${errorMessage(error)}`, { cause: error });
  }
}
