/** LoRA adapters in PEFT's folder format: adapter_config.json and adapter_model.safetensors. */
import { InputError } from "../util/errors.ts";
import { isFloatDType } from "./dtype.ts";
import { type PeftLoraConfig, parsePeftConfig, peftLoraScale, peftRank } from "./peft-config.ts";
import { type PeftFolder, readPeftFolder } from "./peft-folder.ts";
import type { TensorInfo } from "./safetensors.ts";

export type { PeftLoraConfig } from "./peft-config.ts";

const CONFIG_FILE = "adapter_config.json";
const PREFIX = "base_model.model.";
const FACTOR = /\.lora_([AB])\.weight$/;
const MAGNITUDE = ".lora_magnitude_vector";
const EMBEDDING_A = /^(base_model\.model\..+)\.lora_embedding_A$/u;
const WHOLE = /^base_model\.model\.(.+)\.(weight|bias)$/u;
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
  /** DoRA's length of each row, [out]. */
  magnitude?: TensorInfo;
}

export interface PeftAdapter {
  dir: string;
  config: PeftLoraConfig;
  /** Every tensor of the file. */
  tensors: ReadonlyMap<string, TensorInfo>;
  modules: readonly LoraModule[];
  /** Factors of the token embeddings: A [r,V], B [C,r]. */
  embedding: LoraModule | undefined;
  /** Whole base tensors that PEFT saved along, by their name in the base. */
  baseCopies: ReadonlyMap<string, TensorInfo>;
  /** Tensors of modules that were trained whole (modules_to_save), likewise. */
  whole: ReadonlyMap<string, TensorInfo>;
}

/** @throws InputError naming the file and the key or tensor that is wrong or not supported */
export async function readPeftAdapter(dir: string): Promise<PeftAdapter> {
  return loraAdapterOf(await readPeftFolder(dir));
}

/** @throws InputError as readPeftAdapter */
export function loraAdapterOf({ dir, file, config: json, tensors }: PeftFolder): PeftAdapter {
  const config = parsePeftConfig(json, file);
  return { dir, config, tensors, ...sortTensors(tensors, config) };
}

function sortTensors(
  tensors: ReadonlyMap<string, TensorInfo>,
  config: PeftLoraConfig,
): Pick<PeftAdapter, "modules" | "embedding" | "baseCopies" | "whole"> {
  const modules: LoraModule[] = [];
  const baseCopies = new Map<string, TensorInfo>();
  const whole = new Map<string, TensorInfo>();
  const embedding = embeddingModule(tensors, config);
  for (const info of tensors.values()) {
    const { name } = info;
    const factor = name.startsWith(PREFIX) ? FACTOR.exec(name) : null;
    if (factor) {
      const module = moduleOfFactor(info, factor, { tensors, config });
      if (module) modules.push(module);
      continue;
    }
    if (config.use_dora && name.endsWith(MAGNITUDE)) continue;
    if (info === embedding?.a || info === embedding?.b) continue;
    sortWhole(info, config, { whole, baseCopies });
  }
  if (modules.length === 0 && !embedding) {
    const [any] = tensors.values();
    throw new InputError(`${any?.file ?? "the adapter"} holds no lora_A and lora_B tensors`);
  }
  return { modules, embedding, baseCopies, whole };
}

/** @throws InputError for a tensor that is no part of an adapter that Retune computes */
function sortWhole(
  info: TensorInfo,
  config: PeftLoraConfig,
  { whole, baseCopies }: Record<"whole" | "baseCopies", Map<string, TensorInfo>>,
): void {
  const { name, file } = info;
  const trained = wholeName(name, config);
  const [, copied] = BASE_COPY.exec(name) ?? [];
  if (trained !== undefined) whole.set(trained, info);
  else if (copied !== undefined && !copied.includes("lora_")) {
    baseCopies.set(`${copied}.weight`, info);
  } else {
    throw new InputError(
      `${file}: tensor ${name} is no part of a LoRA adapter that Retune computes`,
    );
  }
}

function embeddingModule(
  tensors: ReadonlyMap<string, TensorInfo>,
  config: PeftLoraConfig,
): LoraModule | undefined {
  for (const a of tensors.values()) {
    const stem = EMBEDDING_A.exec(a.name)?.[1];
    if (stem === undefined) continue;
    const b = tensors.get(`${stem}.lora_embedding_B`);
    if (!b) throw new InputError(`${a.file}: tensor ${stem}.lora_embedding_B is missing`);
    return loraModule(stem, { a, b, magnitude: undefined }, config);
  }
  return undefined;
}

/** The module of a factor A with its other tensors; undefined for a B, which its A brings along. */
function moduleOfFactor(
  info: TensorInfo,
  factor: RegExpExecArray,
  { tensors, config }: { tensors: ReadonlyMap<string, TensorInfo>; config: PeftLoraConfig },
): LoraModule | undefined {
  const { name, file } = info;
  const stem = name.slice(0, factor.index);
  const isA = factor[1] === "A";
  const partner = `${stem}.lora_${isA ? "B" : "A"}.weight`;
  const other = tensors.get(partner);
  if (!other) throw new InputError(`${file}: tensor ${partner} is missing beside ${name}`);
  if (!isA) return undefined;
  const magnitude = config.use_dora ? magnitudeOf(stem, tensors, other) : undefined;
  return loraModule(stem, { a: info, b: other, magnitude }, config);
}

/** The base's name of a tensor that `modules_to_save` names. */
function wholeName(name: string, config: PeftLoraConfig): string | undefined {
  const [, module, last] = WHOLE.exec(name) ?? [];
  if (module === undefined) return undefined;
  const isNamed = config.modules_to_save?.some((one) => module.endsWith(one)) ?? false;
  return isNamed ? `${module}.${last}` : undefined;
}

function loraModule(
  stem: string,
  { a, b, magnitude }: { a: TensorInfo; b: TensorInfo; magnitude: TensorInfo | undefined },
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
  const scale = peftLoraScale(config, modulePath, rank);
  return { path: modulePath, a, b, scale, ...(magnitude ? { magnitude } : {}) };
}

function magnitudeOf(
  stem: string,
  tensors: ReadonlyMap<string, TensorInfo>,
  { file }: TensorInfo,
): TensorInfo {
  const name = `${stem}${MAGNITUDE}`;
  const info = tensors.get(name);
  if (info) return info;
  throw new InputError(`${file}: tensor ${name} is missing, though use_dora is true`);
}
