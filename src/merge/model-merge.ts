/**
 * A weighted sum of models of one architecture: W = Σ weightᵢ · Wᵢ, tensor by tensor, in the first model's
 * files and number format. Two of them with weights 1 − α and α are interpolated (WiSE-FT,
 * arXiv 2109.01903). In memory are a few megabytes of each model, whatever their size.
 */
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { InputError, InternalError, hasCode } from "../util/errors.ts";
import { DTYPE_BYTES, isFloatDType } from "../weights/dtype.ts";
import { readJsonObject } from "../weights/json-file.ts";
import { INDEX_FILE, readModelWeights } from "../weights/model-weights.ts";
import { replaceFolder } from "../weights/replace-folder.ts";
import {
  type TensorInfo,
  beginSafetensors,
  finishSafetensors,
  readSafetensorsHeader,
} from "../weights/safetensors.ts";
import { copySideFiles, sideFiles } from "../weights/side-files.ts";
import { modelMergeCard } from "./merge-card.ts";
import { runTensorJobs } from "./merge-threads.ts";
import { checkFreeSpace, checkOutput } from "./output-folder.ts";
import type { TensorJob } from "./tensor-job.ts";

const MAX_LISTED = 5;

export interface ModelMerge {
  /** Hugging Face folders, two or more; the first gives files, number format, config and tokenizer. */
  models: readonly { dir: string; weight: number }[];
  /** Must not exist, or be empty. */
  outDir: string;
  /** @param done and total bytes of the output */
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

interface Opened {
  dir: string;
  weight: number;
  tensors: ReadonlyMap<string, TensorInfo>;
}

/**
 * With all the weight on one model its values are copied, bit for bit where the number formats agree.
 * @throws InputError naming every tensor that does not fit, or holds NaN; nothing is left behind then
 */
export async function mergeModels(options: ModelMerge): Promise<void> {
  const { outDir, onProgress = () => {}, signal } = options;
  const models: Opened[] = [];
  for (const { dir, weight } of options.models) {
    models.push({ dir, weight, tensors: await readModelWeights(dir) });
  }
  const [first, ...others] = models;
  if (!first || others.length === 0) throw new InputError("a merge needs two models or more");
  for (const other of others) await checkAlike(first, other);
  await checkOutput(
    outDir,
    models.map(({ dir }) => dir),
  );
  const side = await sideFiles(first.dir);
  const total = [...first.tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
  await checkFreeSpace(outDir, total + side.bytes);
  await replaceFolder(outDir, async (temporary) => {
    let done = 0;
    const onBytes = (bytes: number): void => onProgress((done += bytes), total);
    const files = await beginFiles(first, temporary);
    const jobs = files.flatMap((file) => jobsOf(file, models));
    await runTensorJobs(jobs, { onBytes, signal });
    for (const { partial, file } of files) await finishSafetensors(partial, file);
    await copyIndex(first.dir, temporary);
    const card = modelMergeCard(models);
    await writeFile(path.join(temporary, "README.md"), card, { flush: true });
    // Last: without config.json no folder passes for a model, whatever was killed when.
    await copySideFiles(first.dir, side.files, temporary);
  }).catch((error: unknown) => {
    // The system's own message names the call, not the folder.
    if (!(error instanceof Error && "syscall" in error)) throw error;
    throw new InputError(`${outDir} cannot be written: ${error.message}`, { cause: error });
  });
}

/** A file of the output: its header is written, its tensors are not. */
interface BegunFile {
  /** Under a name that no one reads. */
  partial: string;
  file: string;
  tensors: readonly TensorInfo[];
  places: ReadonlyMap<string, number>;
}

async function beginFiles(first: Opened, dir: string): Promise<BegunFile[]> {
  const begun: BegunFile[] = [];
  for (const [from, tensors] of byFile(first.tensors)) {
    const { metadata } = await readSafetensorsHeader(from);
    const file = path.join(dir, path.basename(from));
    const partial = `${file}.partial`;
    const places = await beginSafetensors(partial, tensors, metadata);
    begun.push({ partial, file, tensors, places });
  }
  return begun;
}

function jobsOf({ partial, tensors, places }: BegunFile, models: readonly Opened[]): TensorJob[] {
  const weight = models.map((model) => model.weight);
  return tensors.map(({ name, dtype, byteLength }) => {
    const place = places.get(name);
    if (place === undefined || !isFloatDType(dtype))
      throw new InternalError(`no place for ${name}`);
    const elements = byteLength / DTYPE_BYTES[dtype];
    return {
      method: "linear",
      tensor: { elements, parameters: { ...PLAIN, weight } },
      base: undefined,
      models: models.flatMap((model) => model.tensors.get(name) ?? []),
      output: { name, file: partial, byteOffset: place, dtype },
    };
  });
}

const PLAIN = {
  density: [],
  normalize: false,
  rescale: false,
  lambda: 1,
  t: 0,
  scale: 1,
  keys: [],
} as const;

function byFile(tensors: ReadonlyMap<string, TensorInfo>): ReadonlyMap<string, TensorInfo[]> {
  const files = new Map<string, TensorInfo[]>();
  for (const info of tensors.values()) {
    files.set(info.file, [...(files.get(info.file) ?? []), info]);
  }
  return files;
}

async function copyIndex(from: string, to: string): Promise<void> {
  const text = await readFile(path.join(from, INDEX_FILE)).catch((error: unknown) => {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  });
  if (text) await writeFile(path.join(to, INDEX_FILE), text, { flush: true });
}

/** What decides what the tensors mean. */
const CONFIG_KEYS = [
  "model_type",
  "vocab_size",
  "tie_word_embeddings",
  "num_attention_heads",
  "num_key_value_heads",
  "rope_theta",
  "rope_scaling",
  "id2label",
];

/** @throws InputError listing what differs */
async function checkAlike(first: Opened, other: Opened): Promise<void> {
  const problems: string[] = [];
  const [ours, theirs] = [await configOf(first.dir), await configOf(other.dir)];
  for (const key of CONFIG_KEYS) {
    const [a, b] = [JSON.stringify(ours[key]), JSON.stringify(theirs[key])];
    if (a !== b) problems.push(`${key} is ${a ?? "not set"} and ${b ?? "not set"}`);
  }
  for (const name of new Set([...first.tensors.keys(), ...other.tensors.keys()])) {
    const [a, b] = [first.tensors.get(name), other.tensors.get(name)];
    if (!a || !b) problems.push(`tensor ${name} is in ${a ? first.dir : other.dir} only`);
    else if (a.shape.join() !== b.shape.join()) {
      problems.push(`tensor ${name} is [${a.shape.join(", ")}] and [${b.shape.join(", ")}]`);
    } else if (!isFloatDType(a.dtype) || !isFloatDType(b.dtype)) {
      problems.push(`tensor ${name} is ${a.dtype} and ${b.dtype}, expected F32, F16 or BF16`);
    }
  }
  if (problems.length === 0) return;
  const more = problems.length - MAX_LISTED;
  throw new InputError(
    `${first.dir} and ${other.dir} can't be mixed: ${problems.slice(0, MAX_LISTED).join("; ")}${more > 0 ? `; and ${more} more` : ""}`,
  );
}

function configOf(dir: string): Promise<Record<string, unknown>> {
  return readJsonObject(path.join(dir, "config.json"));
}
