/** The two files of every adapter of PEFT's, whatever its method: adapter_config.json and adapter_model.safetensors. */
import { readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { InputError } from "../../util/errors.ts";
import { pathExists } from "../../util/path-exists.ts";
import { readJsonObject } from "../../util/json.ts";
import { isGgufName } from "../../gguf/file-name.ts";
import { GGUF_ADAPTER_WAY_OUT } from "../../gguf/adapter.ts";
import type { PeftConfig } from "./any-config.ts";
import { peftModelCard } from "./card.ts";
import { withPlainNames } from "./names.ts";
import { replaceFolder } from "../../util/replace-folder.ts";
import {
  type TensorInfo,
  type TensorToWrite,
  readSafetensorsHeader,
  writeSafetensors,
} from "../../tensors/safetensors.ts";

const CONFIG_FILE = "adapter_config.json";
const WEIGHTS_FILE = "adapter_model.safetensors";

export interface PeftFolder {
  dir: string;
  /** Path of adapter_config.json, for messages. */
  file: string;
  config: PeftConfig;
  /** By their plain names (peft-names.ts); each one's own `name` is the file's. */
  tensors: ReadonlyMap<string, TensorInfo>;
}

/** The folder of an adapter that is given as a folder or as one of its files. */
export function adapterFolder(given: string): string {
  const name = path.basename(given);
  const isFile = /^(adapter_config\.json|(adapter|reft)_model\.safetensors|reft_config\.json)$/u;
  return isFile.test(name) ? path.dirname(given) : given;
}

/**
 * @param given the folder, or a file of it
 * @throws InputError naming the file or key that is missing
 */
export async function readPeftFolder(given: string): Promise<PeftFolder> {
  if (isGgufName(given)) {
    throw new InputError(`${given} is a .gguf; ${GGUF_ADAPTER_WAY_OUT}`);
  }
  const dir = adapterFolder(given);
  const file = path.join(dir, CONFIG_FILE);
  if (!(await pathExists(file))) throw new InputError(await withoutConfig(dir));
  const json = await readJsonObject(file);
  const { peft_type: type } = json;
  if (typeof type !== "string") {
    throw new InputError(`${file} has no peft_type: it is not an adapter of PEFT's`);
  }
  const weights = path.join(dir, WEIGHTS_FILE);
  if (!(await pathExists(weights)) && (await pathExists(path.join(dir, "adapter_model.bin")))) {
    throw new InputError(
      `${dir} has its weights in adapter_model.bin only, a pickle that can run code; load it in PEFT and save it again as ${WEIGHTS_FILE}`,
    );
  }
  const { tensors } = await readSafetensorsHeader(weights);
  return { dir, file, config: { ...json, peft_type: type }, tensors: withPlainNames(tensors) };
}

/** PEFT puts an adapter whose name is not "default" one folder deeper. */
async function withoutConfig(dir: string): Promise<string> {
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (entry.isDirectory() && (await pathExists(path.join(dir, entry.name, CONFIG_FILE)))) {
      return `${dir} has no ${CONFIG_FILE}, but its subfolder ${entry.name} has: give that one`;
    }
  }
  return `${dir} has no ${CONFIG_FILE}: it is not an adapter of PEFT's`;
}

/**
 * @param others text files to write beside PEFT's own, by name
 * @throws what the file system throws; the folder then is as it was before
 */
export async function writePeftFolder(
  dir: string,
  config: PeftConfig,
  tensors: readonly TensorToWrite[],
  others: Readonly<Record<string, string>> = {},
): Promise<void> {
  await replaceFolder(dir, async (temporary) => {
    const text = (name: string, content: string) =>
      writeFile(path.join(temporary, name), content, { flush: true });
    await writeSafetensors(path.join(temporary, WEIGHTS_FILE), tensors, { format: "pt" });
    await text(CONFIG_FILE, JSON.stringify(config, sortKeys, 2));
    await text("README.md", peftModelCard(config));
    for (const [name, content] of Object.entries(others)) await text(name, content);
  });
}

/** For JSON.stringify: every object's keys in order, as PEFT writes them. */
function sortKeys(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
