/**
 * Merges PEFT adapters into a Hugging Face folder: same files, same names, same number format
 * as the base. Everything is checked first; the result appears by rename, whole or not at all.
 */
import path from "node:path";
import { InputError } from "../../util/errors.ts";
import { pathExists } from "../../util/path-exists.ts";
import { readJsonObject } from "../../util/json.ts";
import { refuseForeignQuantisation } from "../../tensors/foreign-quantisation.ts";
import { CONFIG_FILE } from "../../tensors/side-config.ts";
import { withTrueTie } from "../../families/tied-head.ts";
import { INDEX_FILE, indexedNames, readModelWeights } from "../../tensors/model-weights.ts";
import { adapterFolder } from "../../adapter-files/peft/folder.ts";
import { headOf } from "../../adapter-files/peft/vocabulary.ts";
import {
  type TokenizerPlace,
  copyTokenizer,
  isTokenizerFile,
  tokenizerPlace,
} from "../../adapter-files/tokenizer-place.ts";
import { sideFiles } from "../../tensors/side-files.ts";
import type { FolderTensor, ModelFile, ModelFolder } from "../../tensors/model-folder.ts";
import { type TensorInfo, readSafetensorsHeader } from "../../tensors/safetensors.ts";
import type { MergeTask } from "../merge-tasks.ts";
import { writeMerge } from "../write-merge.ts";
import { baseNameOf } from "../../bases/base-name.ts";
import { otherBase } from "./other-base.ts";
import type { MergeAdapter } from "./changes.ts";
import { readMergeAdapter } from "./read-adapter.ts";
import { mergeModelCard } from "./model-card.ts";
import { type FittedMerge, fitAdapters } from "./fit-to-base.ts";
import { type HeadedMerge, placeHead } from "./place-head.ts";
import { type MergeBase, type MergePlan, checkChanges, planMerge } from "./changed-tensors.ts";
import { checkOutput } from "../output-folder.ts";
import { asUnmerge, lossOfUnmerge } from "./unmerge.ts";

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
  const files = await outputFiles(base, plan, newHead);
  const kept = tokenizer ? side.files.filter((file) => !isTokenizerFile(file)) : side.files;
  await writeMerge(outDir, {
    files,
    index: await indexOf(base, { files, isResized: plan.vocabSize !== undefined }),
    card: mergeModelCard({ base: name, adapters, untiesHead: plan.untiesHead, newHead }),
    side: [[baseDir, kept]],
    ...(tokenizer ? { beside: (folder) => copyTokenizer(tokenizer, folder) } : {}),
    config: { dir: baseDir, wanted: configOf(placed, plan) },
    sideBytes: side.bytes,
    onProgress,
    onWeights: () => tellFiles(files, plan, log),
    signal: options.signal,
  });
}

async function readBase(dir: string, log: (line: string) => void): Promise<MergeBase> {
  const config = await readJsonObject(path.join(dir, CONFIG_FILE));
  await refuseForeignQuantisation(dir, config);
  const weights = await readModelWeights(dir, log);
  return { dir, ...(await withTrueTie(config, weights)) };
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

/** The base's files with their tensors in order; an untied head comes last. */
async function outputFiles(
  base: MergeBase,
  plan: MergePlan,
  newHead: TensorInfo | undefined,
): Promise<ModelFile<MergeTask>[]> {
  const files = new Map<string, FolderTensor<MergeTask>[]>();
  const output = (name: string, from: TensorInfo): FolderTensor<MergeTask> => {
    const merged = plan.merged.get(name);
    const { dtype, source } = merged ?? { ...from, source: from };
    const task = merged
      ? ({ type: "adapters", merged } as const)
      : ({ type: "copy", from } as const);
    return { name, dtype, shape: source.shape, from: task };
  };
  for (const from of base.weights.values()) {
    const tensors = files.get(from.file) ?? [];
    tensors.push(output(from.name, from));
    files.set(from.file, tensors);
  }
  const ownHead = headOf(base);
  const head = plan.merged.get(ownHead);
  const last = [...files.values()].at(-1);
  if (head && last && !base.weights.has(ownHead)) last.push(output(ownHead, head.source));
  if (newHead && last) last.push(output(newHead.name, newHead));
  const written: ModelFile<MergeTask>[] = [];
  for (const [file, tensors] of files) {
    const { metadata } = await readSafetensorsHeader(file);
    written.push({ name: path.basename(file), tensors, metadata });
  }
  return written;
}

function tellFiles(
  files: readonly ModelFile<MergeTask>[],
  { merged }: MergePlan,
  log: (line: string) => void,
): void {
  for (const { name, tensors } of files) {
    const changed = tensors.filter((tensor) => merged.has(tensor.name)).length;
    log(`${name}: ${tensors.length} tensors, ${changed} of them merged`);
  }
}

/** The base's own, where it says the same. */
async function indexOf(
  base: MergeBase,
  {
    files,
    isResized,
  }: {
    files: readonly ModelFile<MergeTask>[];
    /** Whether tensors have other shapes than the base's. */
    isResized: boolean;
  },
): Promise<ModelFolder<MergeTask>["index"]> {
  const index = path.join(base.dir, INDEX_FILE);
  if (!(await pathExists(index))) return false;
  const names = files.flatMap(({ tensors }) => tensors).map(({ name }) => name);
  const saysTheSame = !isResized && (await indexedNames(index)) === names.toSorted().join("\n");
  return saysTheSame ? { copyOf: index } : true;
}
