/** The two files of every adapter of PEFT's, whatever its method: adapter_config.json and adapter_model.safetensors. */
import { readdir } from "node:fs/promises";
import path from "node:path";
import { InputError } from "../../util/errors.ts";
import { pathExists } from "../../util/path-exists.ts";
import { readJsonObject } from "../../util/json.ts";
import { isGgufName } from "../../gguf/file-name.ts";
import { GGUF_ADAPTER_WAY_OUT } from "../../gguf/adapter.ts";
import type { PeftConfig } from "./any-config.ts";
import { withPlainNames } from "./names.ts";
import { type TensorInfo, readSafetensorsHeader } from "../../tensors/safetensors.ts";

export const CONFIG_FILE = "adapter_config.json";
export const WEIGHTS_FILE = "adapter_model.safetensors";

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

export function configFile(given: string): string {
  return path.join(adapterFolder(given), CONFIG_FILE);
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
