/** Where a Hugging Face folder keeps its chat template: transformers 5 in a file, 4 in tokenizer_config.json. */
import { readFile, readdir } from "node:fs/promises";
import path from "node:path";
import { InputError, errorMessage, hasCode } from "./errors.ts";
import { readJsonObjectIfThere } from "./json.ts";
import { decodeUtf8 } from "./utf8.ts";

/** Read before what tokenizer_config.json says. */
export const TEMPLATE_FILE = "chat_template.jinja";

export interface TemplateSources {
  /** Where they are from, for messages. */
  file: string;
  /** "default", and "tool_use" for rows with tools where there is one. */
  byName: Readonly<Record<string, string>>;
}

/** Further templates, which transformers names after their files. */
const ADDITIONAL = "additional_chat_templates";
const SUFFIX = ".jinja";

/**
 * The folder's chat templates. Files go before the config, as in transformers.
 * @throws InputError naming the file that can't be read
 */
export async function chatTemplatesOf(dir: string): Promise<TemplateSources | undefined> {
  const file = path.join(dir, TEMPLATE_FILE);
  const byName: Record<string, string> = {};
  const main = await readIfThere(file);
  if (main !== undefined) byName["default"] = main;
  for (const additional of await additionalTemplates(dir)) {
    const more = await readIfThere(additional);
    if (more !== undefined) byName[path.basename(additional, SUFFIX)] = more;
  }
  if (Object.keys(byName).length > 0) return { file, byName };
  const configFile = path.join(dir, "tokenizer_config.json");
  const { chat_template: found } = (await readJsonObjectIfThere(configFile)) ?? {};
  if (typeof found === "string") return { file: configFile, byName: { default: found } };
  const named = Array.isArray(found) ? found.flatMap(namedTemplate) : [];
  return named.length === 0 ? undefined : { file: configFile, byName: Object.fromEntries(named) };
}

/**
 * The folder's chat template; of several by name the one called "default".
 * @throws InputError naming the file that can't be read
 */
export async function chatTemplateOf(dir: string): Promise<string | undefined> {
  return (await chatTemplatesOf(dir))?.byName["default"];
}

function namedTemplate(each: unknown): [string, string][] {
  if (typeof each !== "object" || each === null) return [];
  const { name, template } = each as Record<string, unknown>;
  return typeof name === "string" && typeof template === "string" ? [[name, template]] : [];
}

/** The files of a folder's further templates. */
export async function additionalTemplates(dir: string): Promise<string[]> {
  const folder = path.join(dir, ADDITIONAL);
  try {
    const names = (await readdir(folder)).filter((name) => name.endsWith(SUFFIX)).toSorted();
    return names.map((name) => path.join(folder, name));
  } catch (error) {
    if (hasCode(error, "ENOENT") || hasCode(error, "ENOTDIR")) return [];
    throw error;
  }
}

/** As Python reads text: every line ends with a line feed. */
async function readIfThere(file: string): Promise<string | undefined> {
  const bytes = await readFile(file).catch((error: unknown) => {
    if (hasCode(error, "ENOENT") || hasCode(error, "ENOTDIR")) return undefined;
    throw new InputError(`${file}: ${errorMessage(error)}`, { cause: error });
  });
  // A byte order mark stays, as in Python; U+FFFD in place of a byte would be another template.
  if (bytes !== undefined) decodeUtf8(bytes, file);
  return bytes?.toString("utf8").replaceAll(/\r\n?/gu, "\n");
}
