/**
 * A weighted sum of models of one architecture: W = Σ weightᵢ · Wᵢ, tensor by tensor, in the first model's
 * files and number format. Two of them with weights 1 − α and α are interpolated (WiSE-FT,
 * arXiv 2109.01903). In memory are a few megabytes of each model, whatever their size.
 */
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { InputError, hasCode } from "../util/errors.ts";
import { fromFloat32, isFloatDType, toFloat32, DTYPE_BYTES } from "../weights/dtype.ts";
import { readJsonObject } from "../weights/json-file.ts";
import { INDEX_FILE, readModelWeights } from "../weights/model-weights.ts";
import { replaceFolder } from "../weights/replace-folder.ts";
import {
  type TensorInfo,
  type TensorToWrite,
  readSafetensorsHeader,
  readTensorChunks,
  writeSafetensors,
} from "../weights/safetensors.ts";
import { copySideFiles, sideFiles } from "../weights/side-files.ts";
import { modelMergeCard } from "./merge-card.ts";
import { checkFreeSpace, checkOutput } from "./output-folder.ts";

/** Elements of each model that are in memory at a time. */
const CHUNK_ELEMENTS = 2 ** 21;
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
    await copySideFiles(first.dir, side.files, temporary);
    let done = 0;
    const counted = async function* (info: TensorInfo): AsyncGenerator<Uint8Array> {
      for await (const chunk of summedChunks(info, models)) {
        signal?.throwIfAborted();
        yield chunk;
        done += chunk.byteLength;
        onProgress(done, total);
      }
    };
    for (const [file, infos] of byFile(first.tensors)) {
      const outputs = infos.map((info): TensorToWrite => ({ ...info, data: () => counted(info) }));
      const { metadata } = await readSafetensorsHeader(file);
      await writeSafetensors(path.join(temporary, path.basename(file)), outputs, metadata);
    }
    await copyIndex(first.dir, temporary);
    const card = modelMergeCard(models);
    await writeFile(path.join(temporary, "README.md"), card, { flush: true });
  });
}

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

async function* summedChunks(
  output: TensorInfo,
  models: readonly Opened[],
): AsyncGenerator<Uint8Array> {
  const parts = models.flatMap(({ tensors, weight }) => {
    const info = tensors.get(output.name);
    return info && weight !== 0 ? [{ info, weight }] : [];
  });
  const [only] = parts;
  if (only?.weight === 1 && parts.length === 1 && only.info.dtype === output.dtype) {
    yield* readTensorChunks(only.info, CHUNK_ELEMENTS * DTYPE_BYTES[output.dtype]);
    return;
  }
  const sources = parts.map(({ info, weight }) => ({
    info,
    weight,
    chunks: readTensorChunks(info, CHUNK_ELEMENTS * DTYPE_BYTES[info.dtype]),
  }));
  const elements = output.byteLength / DTYPE_BYTES[output.dtype];
  for (let at = 0; at < elements; at += CHUNK_ELEMENTS) {
    const sums = new Float64Array(Math.min(CHUNK_ELEMENTS, elements - at));
    for (const { info, weight, chunks } of sources) {
      const { value } = await chunks.next();
      if (!value) throw new Error(`internal: ${info.name} ends early`);
      addScaled(sums, toFloat32(value, info.dtype), { weight, info });
    }
    const mixed = Float32Array.from(sums);
    const bytes = fromFloat32(mixed, output.dtype);
    checkRange(bytes, output);
    yield bytes;
  }
}

function addScaled(
  sums: Float64Array,
  values: Float32Array,
  { weight, info }: { weight: number; info: TensorInfo },
): void {
  let isFine = true;
  for (let i = 0; i < sums.length; i++) {
    const value = values[i]!;
    isFine &&= Number.isFinite(value);
    sums[i] = sums[i]! + weight * value;
  }
  if (isFine) return;
  const at = values.findIndex((value) => !Number.isFinite(value));
  throw new InputError(
    `${info.file}: tensor ${info.name} holds ${values[at]}: the model is damaged, and a merge would hide it`,
  );
}

function checkRange(bytes: Uint8Array, { name, dtype }: TensorInfo): void {
  if (dtype !== "F16") return;
  if (toFloat32(bytes, dtype).every(Number.isFinite)) return;
  throw new InputError(`${name}: the sum is beyond what F16 holds; lower the weights`);
}
