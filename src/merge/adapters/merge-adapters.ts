/**
 * Merges PEFT adapters into a Hugging Face folder: same files, same names, same number format
 * as the base. Everything is checked first; the result appears by rename, whole or not at all.
 */
import { copyFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { InputError } from "../../util/errors.ts";
import { pathExists } from "../../util/path-exists.ts";
import { readJsonObject } from "../../util/json.ts";
import { refuseForeignQuantisation } from "../../tensors/foreign-quantisation.ts";
import { CONFIG_FILE, writeChangedConfig } from "../../tensors/side-config.ts";
import { withTrueTie } from "../../families/tied-head.ts";
import { INDEX_FILE, indexedNames, readModelWeights } from "../../tensors/model-weights.ts";
import { replaceFolder } from "../../util/replace-folder.ts";
import type { DType } from "../../tensors/dtype.ts";
import { adapterFolder } from "../../adapter-files/peft/folder.ts";
import { headOf } from "../../adapter-files/peft/vocabulary.ts";
import {
  type TokenizerPlace,
  copyTokenizer,
  isTokenizerFile,
  tokenizerPlace,
} from "../../adapter-files/tokenizer-place.ts";
import { copySideFiles, sideFiles } from "../../tensors/side-files.ts";
import {
  type TensorInfo,
  type TensorToWrite,
  readSafetensorsHeader,
  readTensorChunks,
  totalBytes,
  writeSafetensors,
} from "../../tensors/safetensors.ts";
import { baseNameOf } from "../../bases/base-name.ts";
import { otherBase } from "./other-base.ts";
import { type MergeAdapter, readMergeAdapter } from "./changes.ts";
import { writeIndexFile } from "../index-file.ts";
import { mergeModelCard } from "./model-card.ts";
import { type FittedMerge, fitAdapters } from "./fit-to-base.ts";
import { type HeadedMerge, placeHead } from "./place-head.ts";
import { mergedChunks } from "./apply-changes.ts";
import { type MergeBase, type MergePlan, checkChanges, planMerge } from "./changed-tensors.ts";
import { makeRoom, checkOutput } from "../output-folder.ts";
import { asUnmerge, lossOfUnmerge } from "./unmerge.ts";

const COPY_BYTES = 2 ** 24;

export interface AdapterMerge {
  /** A Hugging Face folder. */
  baseDir: string;
  /** PEFT folders; each changes what the one before it left. */
  adapterDirs: readonly string[];
  /** How much of each adapter's change is made, in their order; left out: 1. */
  weights?: readonly number[] | undefined;
  /** Takes the adapters out of a base that they were merged into, the last one first. */
  unmerge?: boolean;
  /** Must not exist, or be empty. */
  outDir: string;
  /** Gets one line per file, and warnings. */
  log?: (line: string) => void;
  /** @param done and total bytes of the output's tensors */
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

/** @throws InputError for anything that cannot be merged or written; nothing is left behind then */
export async function mergeAdapters(options: AdapterMerge): Promise<void> {
  const { baseDir, adapterDirs, outDir, log = () => {}, onProgress = () => {} } = options;
  const given = await readAdapters(adapterDirs, options.weights);
  const placed = await placeHead(
    await readBase(baseDir, log),
    options.unmerge ? await asUnmerge(given) : given,
  );
  await checkOutput(outDir, [baseDir, ...adapterDirs]);
  const { newHead } = placed;
  const fitted = await fitAdapters(placed.base, placed.adapters);
  const plan = planMerge(fitted);
  const { original: base, adapters } = fitted;
  const name = await baseNameOf(baseDir);
  for (const line of await remarks(name, fitted, plan)) log(line);
  if (options.unmerge) for (const line of lossOfUnmerge(plan)) log(line);
  const tokenizer = options.unmerge ? undefined : await tokenizerOf(baseDir, adapters, log);
  const side = await sideFiles(baseDir);
  const shards = planShards(base, plan, newHead);
  const bytes = totalBytes([...shards.values()].flat());
  await makeRoom(outDir, bytes + side.bytes);
  await replaceFolder(outDir, async (temporary) => {
    let done = 0;
    const onBytes = (count: number): void => onProgress((done += count), bytes);
    await writeShards(temporary, { shards, plan, log, signal: options.signal, onBytes });
    await writeIndex(temporary, { base, shards, isResized: plan.vocabSize !== undefined });
    const card = mergeModelCard({ base: name, adapters, untiesHead: plan.untiesHead, newHead });
    await writeFile(path.join(temporary, "README.md"), card, { flush: true });
    // Last: without config.json no folder passes for a model, whatever was killed when.
    const config = configOf(placed, plan);
    const others = side.files.filter((file) => file !== CONFIG_FILE || !config);
    const kept = tokenizer ? others.filter((file) => !isTokenizerFile(file)) : others;
    await copySideFiles(baseDir, kept, temporary);
    if (tokenizer) await copyTokenizer(tokenizer, temporary);
    if (config) await writeChangedConfig(baseDir, temporary, config);
  }).catch((error: unknown) => {
    // The system's own message names the call, not the folder.
    if (!(error instanceof Error && "syscall" in error)) throw error;
    throw new InputError(`${outDir} cannot be written: ${error.message}`, { cause: error });
  });
}

async function readBase(dir: string, log: (line: string) => void): Promise<MergeBase> {
  const config = await readJsonObject(path.join(dir, CONFIG_FILE));
  await refuseForeignQuantisation(dir, config);
  const weights = await readModelWeights(dir, log);
  return { dir, config: await withTrueTie(config, weights), weights };
}

async function readAdapters(
  dirs: readonly string[],
  weights: readonly number[] = dirs.map(() => 1),
): Promise<MergeAdapter[]> {
  if (dirs.length === 0) throw new InputError("no adapter to merge is given");
  if (weights.length !== dirs.length) {
    throw new InputError(
      `${dirs.length} adapters and ${weights.length} weights are given; give as many weights as adapters, in their order, or none`,
    );
  }
  const adapters: MergeAdapter[] = [];
  for (const [index, dir] of dirs.entries()) {
    const folder = path.resolve(adapterFolder(dir));
    if (adapters.some((other) => path.resolve(other.dir) === folder)) {
      throw new InputError(`${dir} is given twice; name each adapter once`);
    }
    adapters.push(await readMergeAdapter(dir, weights[index] ?? 1));
  }
  return adapters;
}

/** What the person should know before they wait. */
async function remarks(
  baseName: string,
  { adapters }: FittedMerge,
  { untiesHead, vocabSize }: MergePlan,
): Promise<string[]> {
  const lines = (await checkChanges(adapters)).map(
    (idle) =>
      `${idle} changes nothing: its factors are zero, so the merge would return the base unchanged`,
  );
  if (untiesHead) {
    lines.push(
      "an adapter changes head or embedding, which the base holds as one: they are written apart",
    );
  }
  if (vocabSize !== undefined) {
    lines.push(
      `the adapter was trained with ${vocabSize} tokens: embedding and head have as many rows`,
    );
  }
  for (const adapter of adapters) {
    const other = otherBase(adapter, baseName);
    if (other === undefined) continue;
    lines.push(
      `${adapter.dir} was trained on ${other}, as its adapter_config.json says; ${baseName} has its shapes, but is it the same model?`,
    );
  }
  return lines;
}

/** The last adapter's that has one of its own; undefined where none differs from the base's. */
async function tokenizerOf(
  baseDir: string,
  adapters: readonly MergeAdapter[],
  log: (line: string) => void,
): Promise<TokenizerPlace | undefined> {
  let found: TokenizerPlace | undefined;
  for (const { dir } of adapters) {
    const place = await tokenizerPlace(baseDir, dir);
    if (place.note === undefined) continue;
    if (found) log(`more than one adapter has its own: the last one's goes into the merged folder`);
    log(place.note);
    found = place;
  }
  return found;
}

/** What config.json must say; undefined where the base's own says it. */
function configOf(
  { config, base }: HeadedMerge,
  { untiesHead, vocabSize }: MergePlan,
): Record<string, unknown> | undefined {
  const changed = {
    ...(untiesHead ? { tie_word_embeddings: false } : {}),
    ...(vocabSize === undefined ? {} : { vocab_size: vocabSize }),
  };
  return Object.keys(changed).length > 0 ? { ...(config ?? base.config), ...changed } : config;
}

/** A tensor of the output; `from` is where its bytes, or the base's part of them, are. */
interface OutputTensor {
  name: string;
  from: TensorInfo;
  dtype: DType;
  shape: readonly number[];
}

/** The base's files with their tensors in order; an untied head comes last. */
function planShards(
  base: MergeBase,
  plan: MergePlan,
  newHead: TensorInfo | undefined,
): ReadonlyMap<string, OutputTensor[]> {
  const shards = new Map<string, OutputTensor[]>();
  const output = (name: string, from: TensorInfo): OutputTensor => {
    const { dtype, source } = plan.merged.get(name) ?? { ...from, source: from };
    return { name, from, dtype, shape: source.shape };
  };
  for (const from of base.weights.values()) {
    const tensors = shards.get(from.file) ?? [];
    tensors.push(output(from.name, from));
    shards.set(from.file, tensors);
  }
  const name = headOf(base);
  const head = plan.merged.get(name);
  const last = [...shards.values()].at(-1);
  if (head && last && !base.weights.has(name)) last.push(output(name, head.source));
  if (newHead && last) last.push(output(newHead.name, newHead));
  return shards;
}

interface Writing {
  shards: ReadonlyMap<string, OutputTensor[]>;
  plan: MergePlan;
  log: (line: string) => void;
  signal: AbortSignal | undefined;
  /** @param count bytes more that are written */
  onBytes: (count: number) => void;
}

async function writeShards(
  dir: string,
  { shards, plan, log, signal, onBytes }: Writing,
): Promise<void> {
  for (const [file, tensors] of shards) {
    const { metadata } = await readSafetensorsHeader(file);
    const outputs = tensors.map(({ name, from, dtype, shape }): TensorToWrite => {
      const merged = plan.merged.get(name);
      const chunks = () =>
        merged ? mergedChunks(name, merged) : readTensorChunks(from, COPY_BYTES);
      return {
        name,
        dtype,
        shape,
        data: () => counted(chunks(), { signal, onBytes }),
      };
    });
    await writeSafetensors(path.join(dir, path.basename(file)), outputs, metadata);
    const changed = tensors.filter(({ name }) => plan.merged.has(name)).length;
    log(`${path.basename(file)}: ${tensors.length} tensors, ${changed} of them merged`);
  }
}

async function* counted(
  chunks: AsyncIterable<Uint8Array>,
  { signal, onBytes }: Pick<Writing, "signal" | "onBytes">,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    signal?.throwIfAborted();
    yield chunk;
    onBytes(chunk.byteLength);
  }
}

async function writeIndex(
  dir: string,
  {
    base,
    shards,
    isResized,
  }: {
    base: MergeBase;
    shards: ReadonlyMap<string, readonly OutputTensor[]>;
    /** Whether tensors have other shapes than the base's. */
    isResized: boolean;
  },
): Promise<void> {
  const index = path.join(base.dir, INDEX_FILE);
  if (!(await pathExists(index))) return;
  const names = [...shards.values()].flat().map(({ name }) => name);
  if (!isResized && (await indexedNames(index)) === names.toSorted().join("\n")) {
    await copyFile(index, path.join(dir, INDEX_FILE));
    return;
  }
  await writeIndexFile(dir, shards);
}
