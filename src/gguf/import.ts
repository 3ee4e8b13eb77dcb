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
import { cacheFolder, checkRoom, removeAbandoned } from "../tensors/cache-folder.ts";
import { configText } from "../tensors/config-text.ts";
import { replaceFolder } from "../util/replace-folder.ts";
import { type TensorToWrite, totalBytes, writeSafetensors } from "../tensors/safetensors.ts";
import { isCurrent, writeOrigin } from "./import-cache.ts";
import { checkpointPieces, writtenType } from "./checkpoint-pieces.ts";
import { checkTensors } from "./check-tensors.ts";
import { type GgufHeader, readGgufHeader } from "./header.ts";
import { type LlamaConfigJson, checkIsLlama, llamaConfig } from "./llama-config.ts";
import { checkpointTensors } from "./llama-tensors.ts";
import { tokenizerFiles } from "./tokenizer-files.ts";

const WEIGHTS = "model.safetensors";

export interface ImportOptions {
  /** Holds a folder per imported file; default `$RETUNE_CACHE/gguf`, or `~/.cache/retune/gguf`. */
  cacheDir?: string;
  log?: (line: string) => void;
}

/**
 * @returns the folder of a .gguf's import, made now unless a current one is in the cache
 * @throws InputError naming the file and the key or tensor that is broken or not supported
 */
export async function importGguf(file: string, options: ImportOptions = {}): Promise<string> {
  const { cacheDir = defaultCacheDir("gguf"), log = () => {} } = options;
  const source = await realpath(file);
  const dir = cacheFolder(cacheDir, source, path.basename(source, path.extname(source)));
  if (await isCurrent(dir, source, log)) return dir;
  log(`importing ${file}`);
  const header = await readGgufHeader(source);
  checkIsLlama(header);
  const config = await llamaConfig(header);
  const texts = { "config.json": config, ...tokenizerFiles(header, log) };
  const tensors = tensorsToWrite(header, config);
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

function tensorsToWrite(header: GgufHeader, config: LlamaConfigJson): TensorToWrite[] {
  const heads = {
    heads: config.num_attention_heads,
    keyValueHeads: config.num_key_value_heads,
  };
  const checkpoint = checkpointTensors(header, heads);
  checkTensors(header.file, checkpoint, config);
  const tensors = checkpoint.map((tensor) => ({
    name: tensor.name,
    dtype: writtenType(tensor.source.type),
    shape: tensor.source.shape,
    data: () => checkpointPieces(header.file, tensor),
  }));
  return [...tensors, ...missingBiases(tensors, config)];
}

/** A Llama's attention and feed-forward have all their biases or none: those that a file leaves out are zero. */
function missingBiases(
  present: readonly { name: string; shape: readonly number[] }[],
  config: LlamaConfigJson,
): TensorToWrite[] {
  const names = new Set(present.map(({ name }) => name));
  return present.flatMap(({ name, shape }) => {
    const biased =
      (config.attention_bias && /\.self_attn\.\w+\.weight$/u.test(name)) ||
      (config.mlp_bias && /\.mlp\.\w+\.weight$/u.test(name));
    const bias = name.replace(/weight$/u, "bias");
    const length = shape[0] ?? 0;
    return biased && !names.has(bias)
      ? [{ name: bias, dtype: "F32" as const, shape: [length], data: new Uint8Array(4 * length) }]
      : [];
  });
}

async function checkUnchanged({ file, size, mtimeMs }: GgufHeader): Promise<void> {
  const now = await stat(file);
  if (now.size !== size || now.mtimeMs !== mtimeMs) {
    throw new InputError(`${file}: changed while it was imported; try again when it is complete`);
  }
}
