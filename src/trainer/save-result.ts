/** Writes what was trained in its owner's format: a PEFT adapter, or a Hugging Face model folder. */
import path from "node:path";
import type { BaseModel } from "../models/base-model.ts";
import type { DType } from "../weights/dtype.ts";
import { fromFloat32 } from "../weights/dtype.ts";
import { replaceFolder } from "../weights/replace-folder.ts";
import { type PeftLoraConfig, writePeftAdapter } from "../weights/peft-adapter.ts";
import { type TensorToWrite, readTensorChunks, writeSafetensors } from "../weights/safetensors.ts";
import { copySideFiles, sideFiles } from "../weights/side-files.ts";
import type { LoraAdapter, Tuning } from "./ort-graphs.ts";

const COPY_BYTES = 2 ** 24;

export interface SavedResult {
  kind: "adapter" | "model";
  dir: string;
}

interface Result {
  base: BaseModel;
  tuning: Tuning;
  tensors: readonly { name: string; shape: readonly number[]; values: Float32Array }[];
  /** What `base_model_name_or_path` shall say. */
  baseModel: string;
}

/** @throws what the file system throws; the folder then is as it was before */
export async function saveResult(dir: string, result: Result): Promise<SavedResult> {
  const { adapter } = result.tuning;
  if (adapter) {
    await writePeftAdapter(dir, loraConfig(adapter, result), result.tensors.map(asFloat32));
    return { kind: "adapter", dir };
  }
  await saveModel(dir, result);
  return { kind: "model", dir };
}

function asFloat32(tensor: Result["tensors"][number]): TensorToWrite {
  const { name, shape, values } = tensor;
  return { name, dtype: "F32", shape, data: fromFloat32(values, "F32") };
}

function loraConfig(
  { sites, alpha, useRslora, dropout }: LoraAdapter,
  { base, baseModel }: Result,
): PeftLoraConfig {
  const [first] = sites;
  if (!first) throw new Error("internal: an adapter without sites");
  const paths = sites.map(({ layer }) => layer.path);
  return {
    peft_type: "LORA",
    task_type: "CAUSAL_LM",
    base_model_name_or_path: baseModel,
    r: first.rank,
    lora_alpha: alpha,
    lora_dropout: dropout,
    use_rslora: useRslora,
    target_modules: targetModules(
      paths,
      base.architecture.linearLayers.map(({ path: each }) => each),
    ),
    bias: "none",
    fan_in_fan_out: false,
    use_dora: false,
    inference_mode: true,
    modules_to_save: null,
  };
}

/** Names without their layer where that says exactly the same, else whole paths. */
function targetModules(paths: readonly string[], all: readonly string[]): string[] {
  const last = (each: string): string => each.split(".").at(-1) ?? each;
  const chosen = new Set(paths);
  const names = new Set(paths.map(last));
  const same = all.every((each) => names.has(last(each)) === chosen.has(each));
  return [...(same ? names : chosen)].toSorted();
}

/** What was trained, in the type of the base's tensor, and byte for byte what was frozen. */
async function saveModel(dir: string, { base, tensors }: Result): Promise<void> {
  const trained = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const outputs = base.architecture.tensors.map(({ name, shape }): TensorToWrite => {
    const stored = base.weights.get(name);
    const dtype = stored?.dtype ?? statedDType(base.config);
    const values = trained.get(name)?.values;
    if (values) return { name, shape, dtype, data: async () => fromFloat32(values, dtype) };
    if (!stored) throw new Error(`internal: ${name} is neither trained nor stored`);
    return { name, shape, dtype, data: () => readTensorChunks(stored, COPY_BYTES) };
  });
  await replaceFolder(dir, async (temporary) => {
    await copySideFiles(base.dir, (await sideFiles(base.dir)).files, temporary);
    await writeSafetensors(path.join(temporary, "model.safetensors"), outputs, { format: "pt" });
  });
}

/** The type that config.json says the weights are in (`dtype`; transformers 4: `torch_dtype`), else float32. */
function statedDType(config: Readonly<Record<string, unknown>>): DType {
  switch (config["dtype"] ?? config["torch_dtype"]) {
    case "bfloat16":
      return "BF16";
    case "float16":
      return "F16";
    default:
      return "F32";
  }
}
