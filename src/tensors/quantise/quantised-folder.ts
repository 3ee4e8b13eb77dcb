/** Quantised weights in the user's cache, made on first use. */
import { readFile, realpath, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { defaultCacheDir } from "../../util/cache-root.ts";
import { cacheFolder, checkRoom, removeAbandoned } from "../cache-folder.ts";
import { pathExists } from "../../util/path-exists.ts";
import { replaceFolder } from "../../util/replace-folder.ts";
import {
  type TensorInfo,
  type TensorToWrite,
  readTensorChunks,
  totalBytes,
  writeSafetensors,
} from "../safetensors.ts";
import type { BlockType } from "./block-codes.ts";
import { quantisedTensors } from "./quantised-tensors.ts";

/** Rises whenever the same weights would come out differently. */
const QUANTISED_VERSION = 1;
const ORIGIN = "origin.json";
const WEIGHTS = "model.safetensors";
const COPY_BYTES = 2 ** 22;

export interface QuantisedFolderOptions {
  type: BlockType;
  /** All weights of the model folder. */
  weights: ReadonlyMap<string, TensorInfo>;
  /** Names of those to quantise; all others are copied as they are. */
  quantised: ReadonlySet<string>;
  /** Holds a folder per model and type; default `$RETUNE_CACHE/quantised`, or `~/.cache/retune/quantised`. */
  cacheDir?: string | undefined;
  log: (line: string) => void;
}

/**
 * @param modelDir the Hugging Face folder that the weights are of
 * @returns the safetensors file, made now unless one in the cache still stands for the weights
 * @throws InputError naming the tensor that can't be quantised
 */
export async function quantisedFile(
  modelDir: string,
  {
    type,
    weights,
    quantised,
    cacheDir = defaultCacheDir("quantised"),
    log,
  }: QuantisedFolderOptions,
): Promise<string> {
  const source = await realpath(modelDir);
  const dir = cacheFolder(cacheDir, source, `${path.basename(source)}-${type}`);
  const file = path.join(dir, WEIGHTS);
  const origin = await originOf(source, { type, weights, quantised });
  if ((await isCurrent(dir, origin)) && (await pathExists(file))) return file;
  log(`quantising the linear weights of ${modelDir} to ${type}`);
  const tensors = tensorsToWrite(weights, quantised, type);
  await removeAbandoned(dir);
  await replaceFolder(dir, async (temporary) => {
    await checkRoom(temporary, totalBytes(tensors), "quantising");
    await writeSafetensors(path.join(temporary, WEIGHTS), tensors, { format: "pt" });
    await writeFile(path.join(temporary, ORIGIN), origin);
  });
  return file;
}

/** What the copies stand for, as text to be compared. */
async function originOf(
  source: string,
  { type, weights, quantised }: Pick<QuantisedFolderOptions, "type" | "weights" | "quantised">,
): Promise<string> {
  const files: object[] = [];
  for (const file of new Set([...weights.values()].map((info) => info.file))) {
    const { size, mtimeMs } = await stat(file);
    files.push({ file: await realpath(file), size, mtimeMs });
  }
  const origin = { version: QUANTISED_VERSION, type, source, files, quantised: [...quantised] };
  return `${JSON.stringify(origin, null, 2)}\n`;
}

async function isCurrent(dir: string, origin: string): Promise<boolean> {
  // Missing or unreadable: made anew.
  const found = await readFile(path.join(dir, ORIGIN), "utf8").catch(() => undefined);
  return found === origin;
}

/** What stays comes first: codes have any length, and floats should start at a multiple of their size. */
function tensorsToWrite(
  weights: ReadonlyMap<string, TensorInfo>,
  quantised: ReadonlySet<string>,
  type: BlockType,
): TensorToWrite[] {
  const infos = [...weights.values()];
  const kept = infos
    .filter(({ name }) => !quantised.has(name))
    .map((info) => ({
      name: info.name,
      dtype: info.dtype,
      shape: info.shape,
      data: () => readTensorChunks(info, COPY_BYTES),
    }));
  const inBlocks = infos
    .filter(({ name }) => quantised.has(name))
    .flatMap((info) => quantisedTensors(info, type));
  return [...kept, ...inBlocks];
}
