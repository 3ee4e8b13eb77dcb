/** LoRA adapters in PEFT's folder format: adapter_config.json and adapter_model.safetensors. */
import { InputError } from "../../util/errors.ts";
import { isFloatDType } from "../../tensors/dtype.ts";
import { type PeftLoraConfig, parsePeftConfig, peftLoraScale, peftRank } from "./config.ts";
import { PREFIX, type PeftExtras, sortExtras } from "./extras.ts";
import { type PeftFolder, readPeftFolder } from "./folder.ts";
import { PEFT_SCORE } from "./others.ts";
import type { TensorInfo } from "../../tensors/safetensors.ts";

export type { PeftLoraConfig } from "./config.ts";

const CONFIG_FILE = "adapter_config.json";
const FACTOR =
  /^base_model\.model\.(.+)\.(lora_A\.weight|lora_B\.weight|lora_embedding_A|lora_embedding_B)$/u;
const MAGNITUDE = ".lora_magnitude_vector";

export interface LoraModule {
  /** The module's name in the base model: "model.layers.0.self_attn.q_proj" */
  path: string;
  /** [rank, in] */
  a: TensorInfo;
  /** [out, rank] */
  b: TensorInfo;
  /** What B·A is multiplied with. */
  scale: number;
  /** DoRA's length of each row, [out]; of the embeddings' columns, [C]. */
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
  /** What stands beside the factors. */
  extras: PeftExtras;
}

/** @throws InputError naming the file and the key or tensor that is wrong or not supported */
export async function readPeftAdapter(dir: string): Promise<PeftAdapter> {
  return loraAdapterOf(await readPeftFolder(dir));
}

/** @throws InputError as readPeftAdapter */
export function loraAdapterOf({ dir, file, config: json, tensors }: PeftFolder): PeftAdapter {
  const config = parsePeftConfig(json, file);
  const rest = new Map(tensors);
  // A classifier's head is looked after apart, whatever modules_to_save calls it.
  if (config.task_type === "SEQ_CLS") rest.delete(PEFT_SCORE);
  const modules: LoraModule[] = [];
  const embeddings: LoraModule[] = [];
  for (const [name, info] of tensors) {
    const [, path, factor] = FACTOR.exec(name) ?? [];
    if (path === undefined || factor === undefined) continue;
    rest.delete(name);
    const other = partnerOf(factor);
    const partner = besides(info, tensors.get(`${PREFIX}${path}.${other}`), `${path}.${other}`);
    if (other.includes("_A")) continue;
    const length = `${PREFIX}${path}${MAGNITUDE}`;
    const magnitude = config.use_dora ? besides(info, tensors.get(length), length) : undefined;
    if (magnitude) rest.delete(length);
    const module = loraModule(path, { a: info, b: partner, magnitude }, config);
    (factor.startsWith("lora_embedding") ? embeddings : modules).push(module);
  }
  const [embedding, second] = embeddings;
  if (second) {
    throw new InputError(
      `${second.a.file}: tensor ${second.a.name} is of a second embedding beside ${embedding?.a.name}; Retune computes one`,
    );
  }
  const extras = sortExtras(rest, json, "LoRA");
  if (modules.length === 0 && !embedding) {
    throw new InputError(`${file}: the adapter holds no lora_A and lora_B tensors`);
  }
  return { dir, config, tensors, modules, embedding, extras };
}

function partnerOf(factor: string): string {
  return factor.includes("_A") ? factor.replace("_A", "_B") : factor.replace("_B", "_A");
}

/** @throws InputError where a tensor that belongs to `info` is missing */
function besides(
  { file, name }: TensorInfo,
  found: TensorInfo | undefined,
  missing: string,
): TensorInfo {
  if (found) return found;
  throw new InputError(`${file}: tensor ${missing} is missing beside ${name}`);
}

function loraModule(
  modulePath: string,
  { a, b, magnitude }: { a: TensorInfo; b: TensorInfo; magnitude: TensorInfo | undefined },
  config: PeftLoraConfig,
): LoraModule {
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
