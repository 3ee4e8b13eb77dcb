/** Quantised weights in the user's cache, made on first use. */
import { createHash } from "node:crypto";
import { realpath } from "node:fs/promises";
import path from "node:path";
import writeFileAtomic from "write-file-atomic";
import * as z from "zod";
import { defaultCacheDir } from "../../util/cache-root.ts";
import { cacheFolder, checkRoom, removeAbandoned } from "../../util/cache-folder.ts";
import { startHashing } from "../../util/hash-files.ts";
import { checkJson, readJson } from "../../util/json.ts";
import { replaceFolder } from "../../util/replace-folder.ts";
import {
  type TensorInfo,
  type TensorToWrite,
  readTensorChunks,
  totalBytes,
  writeSafetensors,
} from "../safetensors.ts";
import { compareFiles, stampFiles, stampOf, stampedFileSchema } from "../stamped-file.ts";
import type { BlockType } from "./block-codes.ts";
import { quantisedTensors } from "./quantised-tensors.ts";

/** Rises whenever the same weights would come out differently. */
const QUANTISED_VERSION = 2;
const ORIGIN = "origin.json";
const WEIGHTS = "model.safetensors";
const COPY_BYTES = 2 ** 22;

/** What the copy stands for. */
const originSchema = z.object({
  version: z.literal(QUANTISED_VERSION),
  type: z.enum(["int8", "int4"]),
  source: z.string(),
  quantised: z.array(z.string()).readonly(),
  /** The model's files, by path. */
  sources: z.record(z.string(), stampedFileSchema),
  /** The file with the codes. */
  copy: stampedFileSchema,
});

type Origin = Readonly<z.output<typeof originSchema>>;

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
  const made = { version: QUANTISED_VERSION, type, source, quantised: [...quantised] } as const;
  // By the folder's real name, as the cache has it: a link to it is no other model.
  const inSource = (of: string): string => path.join(source, path.relative(modelDir, of));
  const sources = [...new Set([...weights.values()].map((info) => inSource(info.file)))];
  if (await isCurrent(dir, made, { file, sources, log })) return file;
  log(`quantising the linear weights of ${modelDir} to ${type}`);
  const tensors = tensorsToWrite(weights, quantised, type);
  await removeAbandoned(dir);
  const hashing = startHashing(sources);
  try {
    await replaceFolder(dir, async (temporary) => {
      await checkRoom(temporary, totalBytes(tensors), "quantising");
      const hash = createHash("sha256");
      const written = path.join(temporary, WEIGHTS);
      await writeSafetensors(written, tensors, { format: "pt" }, hash);
      const copy = { sha256: hash.digest("hex"), stamp: await stampOf(written) };
      const stamped = await stampFiles(await hashing.hashes);
      await writeOriginFile(temporary, { ...made, sources: stamped, copy });
    });
  } finally {
    await hashing.stop();
  }
  return file;
}

/** Whether the copy stands for the weights as they are now. */
async function isCurrent(
  dir: string,
  made: Omit<Origin, "sources" | "copy">,
  { file, sources, log }: { file: string; sources: readonly string[]; log: (line: string) => void },
): Promise<boolean> {
  const origin = await readOrigin(dir);
  if (origin === undefined) return false;
  const { sources: known, copy, ...rest } = origin;
  const isSame = JSON.stringify(rest) === JSON.stringify(made);
  const named = Object.keys(known).toSorted().join("\n") === sources.toSorted().join("\n");
  if (!isSame || !named) return false;
  const compared = await compareFiles({ ...known, [file]: copy });
  if (compared.changed !== undefined) {
    log(`${compared.changed} has changed since it was quantised; it is quantised anew`);
    return false;
  }
  if (compared.isTouched) {
    const { [file]: now = copy, ...others } = compared.now;
    // Copied or touched, and what it was.
    await writeOriginFile(dir, { ...rest, sources: others, copy: now });
  }
  return true;
}

function writeOriginFile(dir: string, origin: Origin): Promise<void> {
  return writeFileAtomic(path.join(dir, ORIGIN), `${JSON.stringify(origin, null, 2)}\n`);
}

async function readOrigin(dir: string): Promise<Origin | undefined> {
  try {
    return checkJson(await readJson(path.join(dir, ORIGIN)), originSchema, ORIGIN);
  } catch {
    // Missing, unreadable, broken or of another version: all mean that the copy is made anew.
    return undefined;
  }
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
