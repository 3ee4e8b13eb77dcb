/** LoRA adapters in PEFT's folder format: adapter_config.json and adapter_model.safetensors. */
import { readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { InputError } from "../util/errors.ts";
import { pathExists } from "../util/path-exists.ts";
import { isFloatDType } from "./dtype.ts";
import { readJsonObject } from "./json-file.ts";
import { peftModelCard } from "./peft-card.ts";
import { type PeftLoraConfig, parsePeftConfig, peftLoraScale, peftRank } from "./peft-config.ts";
import { replaceFolder } from "./replace-folder.ts";
import {
  type TensorInfo,
  type TensorToWrite,
  readSafetensorsHeader,
  writeSafetensors,
} from "./safetensors.ts";

export type { PeftLoraConfig } from "./peft-config.ts";

const CONFIG_FILE = "adapter_config.json";
const WEIGHTS_FILE = "adapter_model.safetensors";
const PREFIX = "base_model.model.";
const FACTOR = /\.lora_([AB])\.weight$/;
/** PEFT may save the embedding and head beside their adapters, whole and unchanged. */
const BASE_COPY = /^base_model\.model\.(.+?)(?:\.base_layer)?\.weight$/;

export interface LoraModule {
  /** The module's name in the base model: "model.layers.0.self_attn.q_proj" */
  path: string;
  /** [rank, in] */
  a: TensorInfo;
  /** [out, rank] */
  b: TensorInfo;
  /** What B·A is multiplied with. */
  scale: number;
}

export interface PeftAdapter {
  dir: string;
  config: PeftLoraConfig;
  /** Every tensor of the file. */
  tensors: ReadonlyMap<string, TensorInfo>;
  modules: readonly LoraModule[];
  /** Whole base tensors that PEFT saved along, by their name in the base. */
  baseCopies: ReadonlyMap<string, TensorInfo>;
}

/** @throws InputError naming the file and the key or tensor that is wrong or not supported */
export async function readPeftAdapter(dir: string): Promise<PeftAdapter> {
  const file = path.join(dir, CONFIG_FILE);
  if (!(await pathExists(file))) throw new InputError(await withoutConfig(dir));
  const config = parsePeftConfig(await readJsonObject(file), file);
  const weights = path.join(dir, WEIGHTS_FILE);
  if (!(await pathExists(weights)) && (await pathExists(path.join(dir, "adapter_model.bin")))) {
    throw new InputError(
      `${dir} has its weights in adapter_model.bin only, a pickle that can run code; load it in PEFT and save it again as ${WEIGHTS_FILE}`,
    );
  }
  const { tensors } = await readSafetensorsHeader(weights);
  return { dir, config, tensors, ...sortTensors(tensors, config) };
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

function sortTensors(
  tensors: ReadonlyMap<string, TensorInfo>,
  config: PeftLoraConfig,
): Pick<PeftAdapter, "modules" | "baseCopies"> {
  const modules: LoraModule[] = [];
  const baseCopies = new Map<string, TensorInfo>();
  for (const info of tensors.values()) {
    const { name, file } = info;
    const factor = name.startsWith(PREFIX) ? FACTOR.exec(name) : null;
    if (factor) {
      const stem = name.slice(0, factor.index);
      const partner = `${stem}.lora_${factor[1] === "A" ? "B" : "A"}.weight`;
      const other = tensors.get(partner);
      if (!other) throw new InputError(`${file}: tensor ${partner} is missing beside ${name}`);
      if (factor[1] === "A") modules.push(loraModule(stem, { a: info, b: other }, config));
      continue;
    }
    const [, copied] = BASE_COPY.exec(name) ?? [];
    if (copied === undefined || copied.includes("lora_")) {
      throw new InputError(
        `${file}: tensor ${name} is no part of a plain LoRA adapter, which is all that Retune computes`,
      );
    }
    baseCopies.set(`${copied}.weight`, info);
  }
  if (modules.length === 0) {
    const [any] = tensors.values();
    throw new InputError(`${any?.file ?? "the adapter"} holds no lora_A and lora_B tensors`);
  }
  return { modules, baseCopies };
}

function loraModule(
  stem: string,
  { a, b }: { a: TensorInfo; b: TensorInfo },
  config: PeftLoraConfig,
): LoraModule {
  const modulePath = stem.slice(PREFIX.length);
  const rank = peftRank(config, modulePath);
  for (const [info, axis] of [[a, 0] as const, [b, 1] as const]) {
    const { file, name, shape, dtype } = info;
    if (shape.length !== 2) {
      throw new InputError(
        `${file}: tensor ${name} is [${shape.join(", ")}]; only adapters of linear layers are read`,
      );
    }
    if (shape[axis] !== rank) {
      throw new InputError(
        `${file}: tensor ${name} is [${shape.join(", ")}], but ${CONFIG_FILE} gives rank ${rank}`,
      );
    }
    if (!isFloatDType(dtype)) {
      throw new InputError(`${file}: tensor ${name} is ${dtype}, expected F32, F16 or BF16`);
    }
  }
  return { path: modulePath, a, b, scale: peftLoraScale(config, modulePath, rank) };
}

/** @throws what the file system throws; the folder then is as it was before */
export async function writePeftAdapter(
  dir: string,
  config: PeftLoraConfig,
  tensors: readonly TensorToWrite[],
): Promise<void> {
  await replaceFolder(dir, async (temporary) => {
    const text = (name: string, content: string) =>
      writeFile(path.join(temporary, name), content, { flush: true });
    await writeSafetensors(path.join(temporary, WEIGHTS_FILE), tensors, { format: "pt" });
    await text(CONFIG_FILE, JSON.stringify(config, sortKeys, 2));
    await text("README.md", peftModelCard(config));
  });
}

/** For JSON.stringify: every object's keys in order, as PEFT writes them. */
function sortKeys(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
