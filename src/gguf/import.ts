/**
 * A .gguf as a Hugging Face folder: config.json, tokenizer files and float weights, made on first
 * use and kept in a cache. Half-precision tensors stay as they are; quantised ones become float32,
 * the only type that holds their values exactly.
 */
import { createHash } from "node:crypto";
import { realpath, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { InputError } from "../util/errors.ts";
import { defaultCacheDir } from "../util/cache-root.ts";
import { startHashing } from "../util/hash-files.ts";
import { cacheFolder, checkRoom, removeAbandoned } from "../util/cache-folder.ts";
import { configText } from "../tensors/config-text.ts";
import { DTYPE_BYTES } from "../tensors/dtype.ts";
import { elementCount } from "../util/element-count.ts";
import { replaceFolder } from "../util/replace-folder.ts";
import { type TensorToWrite, totalBytes, writeSafetensors } from "../tensors/safetensors.ts";
import { isCurrent, writeOrigin } from "./import-cache.ts";
import { checkpointPieces, writtenType } from "./checkpoint-pieces.ts";
import { checkIsNoAdapter } from "./adapter.ts";
import { type GgufHeader, readGgufHeader } from "./header.ts";
import type { GgufFamily, GgufModel } from "./gguf-family.ts";
import { optionalNumber, optionalText } from "./metadata.ts";
import type { Registry } from "../util/registry.ts";
import { tokenizerFiles } from "./tokenizer-files.ts";

const WEIGHTS = "model.safetensors";

export interface ImportOptions {
  /** Holds a folder per imported file; default `$RETUNE_CACHE/gguf`, or `~/.cache/retune/gguf`. */
  cacheDir?: string;
  log?: (line: string) => void;
}

const ARCHITECTURE = "general.architecture";

/**
 * @param families those whose files are read
 * @returns the folder of a .gguf's import, made now unless a current one is in the cache
 * @throws InputError naming the file and the key or tensor that is broken or not supported
 */
export async function importWith(
  families: Registry<GgufFamily>,
  file: string,
  options: ImportOptions,
): Promise<string> {
  const { cacheDir = defaultCacheDir("gguf"), log = () => {} } = options;
  const source = await realpath(file);
  const dir = cacheFolder(cacheDir, source, path.basename(source, path.extname(source)));
  if (await isCurrent(dir, source, log)) return dir;
  log(`importing ${file}`);
  const header = await readGgufHeader(source);
  const model = await familyOfFile(families, header).open(header);
  const texts = { "config.json": model.config, ...tokenizerFiles(header, log) };
  const tensors = tensorsToWrite(header, model);
  await removeAbandoned(dir);
  const hashing = startHashing([source]);
  try {
    await replaceFolder(dir, async (temporary) => {
      await checkRoom(temporary, totalBytes(tensors), "importing");
      const written = await writeImport(temporary, tensors, texts);
      const { [source]: sha256 = "" } = await hashing.hashes;
      await checkUnchanged(header);
      await writeOrigin(temporary, header, sha256, written);
    });
  } finally {
    await hashing.stop();
  }
  log(`imported ${file} into ${dir}`);
  return dir;
}

/** @returns sha256 of the weights, hashed as they are written, by the file's name */
async function writeImport(
  dir: string,
  tensors: readonly TensorToWrite[],
  texts: Readonly<Record<string, object>>,
): Promise<Record<string, string>> {
  for (const [name, json] of Object.entries(texts)) {
    const text = name === "config.json" ? configText(json) : `${JSON.stringify(json, null, 2)}\n`;
    await writeFile(path.join(dir, name), text);
  }
  const hash = createHash("sha256");
  await writeSafetensors(path.join(dir, WEIGHTS), tensors, { format: "pt" }, hash);
  return { [WEIGHTS]: hash.digest("hex") };
}

/** @throws InputError for a file that holds something else than a whole model of a family that is read */
function familyOfFile(families: Registry<GgufFamily>, header: GgufHeader): GgufFamily {
  const { file } = header;
  checkIsNoAdapter(header);
  const type = optionalText(header, "general.type") ?? "model";
  if (type !== "model") {
    throw new InputError(`${file}: general.type is "${type}", expected "model"`);
  }
  const architecture = optionalText(header, ARCHITECTURE);
  const family = families.find(architecture ?? "");
  if (!family) {
    const known = families.all.map(({ name, examples }) => `${name} (${examples})`).join(", ");
    throw new InputError(
      `${file}: ${ARCHITECTURE} ${architecture === undefined ? "is missing" : `"${architecture}" is not supported`}; supported: ${known}`,
    );
  }
  const parts = optionalNumber(header, "split.count") ?? 0;
  if (parts > 1) {
    throw new InputError(
      `${file}: is one of ${parts} parts (split.count); join them first: llama-gguf-split --merge`,
    );
  }
  return family;
}

function tensorsToWrite({ file }: GgufHeader, model: GgufModel): TensorToWrite[] {
  const { tensors, zeros } = model.checkpoint();
  const stored = tensors.map((tensor) => ({
    name: tensor.name,
    dtype: writtenType(tensor.source.type),
    shape: tensor.source.shape,
    data: () => checkpointPieces(file, tensor),
  }));
  const empty = zeros.map((zero) => ({
    ...zero,
    data: new Uint8Array(DTYPE_BYTES[zero.dtype] * elementCount(zero.shape)),
  }));
  return [...stored, ...empty];
}

async function checkUnchanged({ file, size, mtimeMs }: GgufHeader): Promise<void> {
  const now = await stat(file);
  if (now.size !== size || now.mtimeMs !== mtimeMs) {
    throw new InputError(`${file}: changed while it was imported; try again when it is complete`);
  }
}
