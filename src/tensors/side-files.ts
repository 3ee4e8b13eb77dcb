/** What a model folder needs beside its weights to be loaded or shared. */
import { copyFile, mkdir, readdir, stat } from "node:fs/promises";
import path from "node:path";

/** Config, tokenizer, chat template, a model's own code, licence: what loading or sharing it needs. */
const SIDE_FILE =
  /\.(json|jinja|txt|tiktoken|py|model|model\.v\d+)$|^(licen[sc]e|notice|use_policy)/i;
/** Those that belong to the weights, to a training, to an adapter or to our cache of imports. */
const NOT_SIDE_FILE = /\.index\.json$|^(adapter_config|trainer_state|training_args|origin)\.json$/i;
const MAX_SIDE_FILE_BYTES = 200_000_000;
/** transformers keeps named chat templates here. */
const TEMPLATES = "additional_chat_templates";

/** Files to copy, by their path below the base's folder. */
export async function sideFiles(baseDir: string): Promise<{ files: string[]; bytes: number }> {
  const files: string[] = [];
  let bytes = 0;
  const names = await readdir(baseDir);
  const templates = names.includes(TEMPLATES)
    ? (await readdir(path.join(baseDir, TEMPLATES))).map((name) => path.join(TEMPLATES, name))
    : [];
  for (const name of [...names, ...templates]) {
    if (!SIDE_FILE.test(path.basename(name)) || NOT_SIDE_FILE.test(name)) continue;
    const found = await stat(path.join(baseDir, name));
    if (!found.isFile() || found.size > MAX_SIDE_FILE_BYTES) continue;
    files.push(name);
    bytes += found.size;
  }
  return { files, bytes };
}

export async function copySideFiles(
  baseDir: string,
  files: readonly string[],
  outDir: string,
): Promise<void> {
  for (const name of files) {
    await mkdir(path.dirname(path.join(outDir, name)), { recursive: true });
    await copyFile(path.join(baseDir, name), path.join(outDir, name));
  }
}
