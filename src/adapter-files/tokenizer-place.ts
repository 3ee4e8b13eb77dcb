/**
 * Whose tokenizer and chat template belong to a base with an adapter. TRL, Unsloth and Axolotl save them in the
 * adapter's folder, as they were in training: those go before the base's.
 */
import { copyFile, readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { TEMPLATE_FILE, chatTemplateOf } from "../util/chat-template-file.ts";
import { parseJsonObject, readJsonTextIfThere } from "../util/json.ts";
import { adapterFolder } from "./peft/folder.ts";

const TOKENIZER = "tokenizer.json";
/** What a tokenizer is made of, and what older libraries read of it. */
const TOKENIZER_FILE =
  /^(tokenizer\.json|tokenizer_config\.json|special_tokens_map\.json|added_tokens\.json|tokenizer\.model|vocab\.json|merges\.txt)$/;

export interface TokenizerPlace {
  tokenizerDir: string;
  templateDir: string;
  /** In a line, how the adapter's differ from the base's; undefined where they do not. */
  note: string | undefined;
}

/** @throws InputError for a file of theirs that is not JSON */
export async function tokenizerPlace(
  baseDir: string,
  given: string | undefined,
): Promise<TokenizerPlace> {
  if (given === undefined) return { tokenizerDir: baseDir, templateDir: baseDir, note: undefined };
  const adapterDir = adapterFolder(given);
  const own = await tokenizerOf(adapterDir);
  const template = await chatTemplateOf(adapterDir);
  const parts: string[] = [];
  if (own !== undefined && own !== (await tokenizerOf(baseDir))) parts.push("tokenizer");
  if (template !== undefined && template !== (await chatTemplateOf(baseDir))) {
    parts.push("chat template");
  }
  const what = parts.join(" and ");
  return {
    tokenizerDir: own === undefined ? baseDir : adapterDir,
    templateDir: template === undefined ? baseDir : adapterDir,
    note:
      parts.length === 0
        ? undefined
        : `${adapterDir} has its own ${what}, which differ${parts.length > 1 ? "" : "s"} from the base's: used, as in its training`,
  };
}

/** What decides over tokens, in one spelling: not how a run cut or padded its rows. */
async function tokenizerOf(dir: string): Promise<string | undefined> {
  const file = path.join(dir, TOKENIZER);
  const text = await readJsonTextIfThere(file);
  if (text === undefined) return undefined;
  const { truncation: _, padding: __, ...kept } = parseJsonObject(text, file);
  return JSON.stringify(kept);
}

/**
 * Puts tokenizer and template into a folder that has none yet.
 * @throws what the file system throws
 */
export async function copyTokenizer(
  { tokenizerDir, templateDir }: TokenizerPlace,
  outDir: string,
): Promise<void> {
  for (const name of await readdir(tokenizerDir)) {
    if (isTokenizerFile(name)) {
      await copyFile(path.join(tokenizerDir, name), path.join(outDir, name));
    }
  }
  const template = await chatTemplateOf(templateDir);
  if (template === undefined || template === (await chatTemplateOf(outDir))) return;
  await writeFile(path.join(outDir, TEMPLATE_FILE), template, { flush: true });
}

/** Whether a file of the base gives way to the adapter's tokenizer. */
export function isTokenizerFile(name: string): boolean {
  return TOKENIZER_FILE.test(name) || name === TEMPLATE_FILE;
}
