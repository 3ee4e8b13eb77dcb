/** Writes what was trained in its owner's format: a PEFT adapter, or a Hugging Face model folder. */
import type { BaseModel } from "../models/base-model.ts";
import { SCORE, classifierConfig } from "../adapter-files/classifier-head.ts";
import type { DType } from "../tensors/dtype.ts";
import { fromFloat32 } from "../tensors/dtype.ts";
import { type FolderTensor, writeModelFolder } from "../tensors/model-folder.ts";
import { type CopyTask, runCopy } from "../tensors/tensor-tasks.ts";
import { sideFiles } from "../tensors/side-files.ts";
import type { SavedResult } from "../objectives/engine.ts";
import type { Tuning } from "../methods/method.ts";
import { startName } from "./ort-graphs.ts";

export interface Result {
  base: BaseModel;
  tuning: Tuning;
  tensors: readonly { name: string; shape: readonly number[]; values: Float32Array }[];
  /** What tensors of the adapter were at the start, where its graph reads that; by the names of its inputs. */
  starts: Readonly<Record<string, Float32Array>>;
  /** What `base_model_name_or_path` shall say. */
  baseModel: string;
}

/** @throws what the file system throws; the folder then is as it was before */
export async function saveResult(dir: string, result: Result): Promise<SavedResult> {
  const { tuning, starts, ...trained } = result;
  if (tuning.adapter) {
    const start = (name: string): Float32Array | undefined => starts[startName(name)];
    await tuning.adapter.save(dir, { ...trained, whole: tuning.trained, start });
    return { kind: "adapter", dir };
  }
  await saveModel(dir, result);
  return { kind: "model", dir };
}

/** What was trained, in the type of the base's tensor, and byte for byte what was frozen. */
async function saveModel(dir: string, { base, tensors }: Result): Promise<void> {
  const trained = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const outputs = base.architecture.tensors.map(({ name, shape }): FolderTensor<CopyTask> => {
    const stored = base.weights.get(name);
    // A new head keeps its digits, whatever type the body is in.
    const dtype = stored?.dtype ?? (name === SCORE ? "F32" : statedDType(base.config));
    const values = trained.get(name)?.values;
    if (values) return { name, shape, dtype, from: () => fromFloat32(values, dtype) };
    if (!stored) throw new Error(`internal: ${name} is neither trained nor stored`);
    return { name, shape, dtype, from: { type: "copy", from: stored } };
  });
  const { config, classifier } = base;
  await writeModelFolder(dir, {
    files: [{ name: "model.safetensors", tensors: outputs, metadata: { format: "pt" } }],
    run: runCopy,
    index: false,
    side: [[base.dir, (await sideFiles(base.dir)).files]],
    config: { dir: base.dir, wanted: classifier ? classifierConfig(config, classifier) : config },
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
