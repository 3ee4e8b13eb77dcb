/** Writes a merged model's folder: its files, their index, config and card. It appears whole or not at all. */
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { readJsonObject } from "../../util/json.ts";
import { pathExists } from "../../util/path-exists.ts";
import { INDEX_FILE } from "../../tensors/model-weights.ts";
import type { FolderTensor, ModelFile } from "../../tensors/model-folder.ts";
import { bytesOf, readSafetensorsHeader } from "../../tensors/safetensors.ts";
import { CONFIG_FILE } from "../../tensors/side-config.ts";
import { sideFiles } from "../../tensors/side-files.ts";
import { TEMPLATE_FILE } from "../../util/chat-template-file.ts";
import { changeTokenizer } from "./change-tokenizer.ts";
import type { PlannedTensor } from "./planned-tensors.ts";
import type { MergedVocabulary } from "./vocabulary.ts";
import type { MergeTask } from "../merge-tasks.ts";
import { writeMerge } from "../write-merge.ts";

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

/** @throws InputError when the disk is full, or a tensor can't be merged; nothing is left behind then */
export async function writeMergedFolder(folder: MergedFolder): Promise<void> {
  const { outDir, referenceDir, tensors, vocabulary, template, onProgress, signal } = folder;
  const side = await chosenSideFiles(folder);
  const files = await outputFiles(tensors);
  const own = await readJsonObject(path.join(referenceDir, CONFIG_FILE));
  const isKept = Object.keys(folder.config).length === 0;
  await writeMerge(outDir, {
    files,
    index: files.length > 1 || (await hadIndex(tensors)),
    card: folder.card,
    side: side.from,
    beside: async (dir) => {
      if (vocabulary) await changeTokenizer(dir, vocabulary);
      if (template === undefined) return;
      await writeFile(path.join(dir, TEMPLATE_FILE), template, { flush: true });
    },
    config: { dir: referenceDir, wanted: isKept ? undefined : { ...own, ...folder.config } },
    sideBytes: side.bytes,
    onProgress,
    signal,
  });
}

/** The reference's own; of a model whose layers are rearranged as many as its size takes. */
async function outputFiles(tensors: readonly PlannedTensor[]): Promise<ModelFile<MergeTask>[]> {
  const [first] = tensors;
  if (first?.file !== undefined) {
    const files = new Map<string, PlannedTensor[]>();
    for (const tensor of tensors) {
      const { file = "" } = tensor;
      files.set(file, [...(files.get(file) ?? []), tensor]);
    }
    const written: ModelFile<MergeTask>[] = [];
    for (const [file, own] of files) {
      const { metadata } = await readSafetensorsHeader(file);
      written.push({ name: path.basename(file), tensors: own.map(placed), metadata });
    }
    return written;
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
    tensors: own.map(placed),
    metadata: { format: "pt" },
  }));
}

function placed({ name, shape, dtype, job }: PlannedTensor): FolderTensor<MergeTask> {
  return { name, shape, dtype, from: { type: "method", job } };
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

async function hadIndex([first]: readonly PlannedTensor[]): Promise<boolean> {
  if (first?.file === undefined) return false;
  return pathExists(path.join(path.dirname(first.file), INDEX_FILE));
}
