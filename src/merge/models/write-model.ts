/** Writes a merged model's folder: its files, their index, config and card. It appears whole or not at all. */
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { InputError, InternalError } from "../../util/errors.ts";
import { readJsonObject } from "../../util/json.ts";
import { pathExists } from "../../util/path-exists.ts";
import { INDEX_FILE } from "../../tensors/model-weights.ts";
import { replaceFolder } from "../../util/replace-folder.ts";
import {
  beginSafetensors,
  bytesOf,
  finishSafetensors,
  readSafetensorsHeader,
  totalBytes,
} from "../../tensors/safetensors.ts";
import { CONFIG_FILE, writeChangedConfig } from "../../tensors/side-config.ts";
import { copySideFiles, sideFiles } from "../../tensors/side-files.ts";
import { TEMPLATE_FILE } from "../../util/chat-template-file.ts";
import { writeIndexFile } from "../index-file.ts";
import { changeTokenizer } from "./change-tokenizer.ts";
import { runTensorJobs } from "../merge-threads.ts";
import type { PlannedTensor } from "./planned-tensors.ts";
import { makeRoom } from "../output-folder.ts";
import type { MergedVocabulary } from "./vocabulary.ts";
import type { TensorJob } from "./tensor-job.ts";

/** The largest file of a model whose layers are rearranged; what transformers writes. */
const MAX_SHARD_BYTES = 5e9;
const TOKENIZER_FILE =
  /^(tokenizer|special_tokens_map|added_tokens|vocab|merges|spiece|chat_template|additional_chat_templates)/u;

export interface MergedFolder {
  outDir: string;
  /** Whose config and other side files are copied. */
  referenceDir: string;
  /** Whose tokenizer is copied. */
  tokenizerDir: string;
  /** By which its tokenizer is changed, if at all. */
  vocabulary: MergedVocabulary | undefined;
  /** In place of the tokenizer's own. */
  template: string | undefined;
  tensors: readonly PlannedTensor[];
  /** Keys of config.json that are not the reference's. */
  config: Readonly<Record<string, unknown>>;
  card: string;
  /** @param done and total bytes of the output */
  onProgress?: ((done: number, total: number) => void) | undefined;
  signal?: AbortSignal | undefined;
}

interface Shard {
  name: string;
  tensors: PlannedTensor[];
  metadata: Readonly<Record<string, string>>;
}

/** A file whose header is written and whose tensors are not. */
interface BegunFile {
  /** Under a name that no one reads. */
  partial: string;
  file: string;
  jobs: readonly TensorJob[];
}

/** @throws InputError when the disk is full, or a tensor can't be merged; nothing is left behind then */
export async function writeMergedFolder(folder: MergedFolder): Promise<void> {
  const { outDir, referenceDir, tensors, onProgress = () => {}, signal } = folder;
  const side = await chosenSideFiles(folder);
  const total = totalBytes(tensors);
  await makeRoom(outDir, total + side.bytes);
  const shards = await shardsOf(tensors);
  await replaceFolder(outDir, async (temporary) => {
    let done = 0;
    const onBytes = (bytes: number): void => onProgress((done += bytes), total);
    const files: BegunFile[] = [];
    for (const shard of shards) files.push(await begin(shard, temporary));
    await runTensorJobs(
      files.flatMap(({ jobs }) => jobs),
      { onBytes, signal },
    );
    for (const { partial, file } of files) await finishSafetensors(partial, file);
    const hadIndex = tensors[0]?.file !== undefined && (await hasIndex(tensors[0].file));
    if (shards.length > 1 || hadIndex) {
      await writeIndexFile(
        temporary,
        shards.map((shard) => [shard.name, shard.tensors]),
      );
    }
    await writeFile(path.join(temporary, "README.md"), folder.card, { flush: true });
    // Last: without config.json no folder passes for a model, whatever was killed when.
    const isCopied = Object.keys(folder.config).length === 0;
    for (const [dir, names] of side.from) {
      const copied = names.filter((name) => name !== CONFIG_FILE || isCopied);
      await copySideFiles(dir, copied, temporary);
    }
    if (folder.vocabulary) await changeTokenizer(temporary, folder.vocabulary);
    if (folder.template !== undefined) {
      await writeFile(path.join(temporary, TEMPLATE_FILE), folder.template, { flush: true });
    }
    if (isCopied) return;
    const own = await readJsonObject(path.join(referenceDir, CONFIG_FILE));
    await writeChangedConfig(referenceDir, temporary, { ...own, ...folder.config });
  }).catch((error: unknown) => {
    // The system's own message names the call, not the folder.
    if (!(error instanceof Error && "syscall" in error)) throw error;
    throw new InputError(`${outDir} cannot be written: ${error.message}`, { cause: error });
  });
}

async function shardsOf(tensors: readonly PlannedTensor[]): Promise<Shard[]> {
  const [first] = tensors;
  if (first?.file !== undefined) {
    const files = new Map<string, PlannedTensor[]>();
    for (const tensor of tensors) {
      const { file = "" } = tensor;
      files.set(file, [...(files.get(file) ?? []), tensor]);
    }
    const shards: Shard[] = [];
    for (const [file, own] of files) {
      const { metadata } = await readSafetensorsHeader(file);
      shards.push({ name: path.basename(file), tensors: own, metadata });
    }
    return shards;
  }
  const groups: PlannedTensor[][] = [[]];
  let bytes = 0;
  for (const tensor of tensors) {
    const size = bytesOf(tensor);
    if (bytes > 0 && bytes + size > MAX_SHARD_BYTES) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)!.push(tensor);
    bytes += size;
  }
  const padded = (number: number): string => String(number).padStart(5, "0");
  return groups.map((own, i) => ({
    name:
      groups.length === 1
        ? "model.safetensors"
        : `model-${padded(i + 1)}-of-${padded(groups.length)}.safetensors`,
    tensors: own,
    metadata: { format: "pt" },
  }));
}

async function begin({ name, tensors, metadata }: Shard, dir: string): Promise<BegunFile> {
  const file = path.join(dir, name);
  const partial = `${file}.partial`;
  const places = await beginSafetensors(partial, tensors, metadata);
  const jobs = tensors.map(({ name: tensor, dtype, job }): TensorJob => {
    const byteOffset = places.get(tensor);
    if (byteOffset === undefined) throw new InternalError(`no place for ${tensor}`);
    return { ...job, output: { name: tensor, file: partial, byteOffset, dtype } };
  });
  return { partial, file, jobs };
}

/** The reference's side files, but the tokenizer's own from where it comes. */
async function chosenSideFiles({
  referenceDir,
  tokenizerDir,
}: MergedFolder): Promise<{ from: [string, string[]][]; bytes: number }> {
  const own = await sideFiles(referenceDir);
  if (tokenizerDir === referenceDir) return { from: [[referenceDir, own.files]], bytes: own.bytes };
  const other = await sideFiles(tokenizerDir);
  const isTokenizer = (name: string): boolean => TOKENIZER_FILE.test(name);
  return {
    from: [
      [tokenizerDir, other.files.filter(isTokenizer)],
      [referenceDir, own.files.filter((name) => !isTokenizer(name))],
    ],
    bytes: own.bytes + other.bytes,
  };
}

function hasIndex(file: string): Promise<boolean> {
  return pathExists(path.join(path.dirname(file), INDEX_FILE));
}
