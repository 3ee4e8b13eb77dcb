/** An adapter folder's tensors as engine parameters. */
import path from "node:path";
import { SCORE, adapterClassifier, readClassifierFile } from "../adapter-files/classifier-head.ts";
import { NO_EXTRAS, type PeftExtras } from "../adapter-files/peft/extras.ts";
import { type PeftFolder, adapterFolder, readPeftFolder } from "../adapter-files/peft/folder.ts";
import { peftScore } from "../adapter-files/peft/score.ts";
import { unsupportedType } from "../adapter-files/peft/types.ts";
import { checkTokens, fitBase, headOf } from "../adapter-files/peft/vocabulary.ts";
import type { NamedShape } from "../graph/causal-lm.ts";
import {
  type Adapter,
  NOTHING_TUNED,
  type OwnReader,
  type PeftReader,
  type StoredTensor,
  type Tuning,
} from "../methods/method.ts";
import { adapterReaders } from "../methods/registry.ts";
import { type BaseModel, asClassifier, withConfig } from "../models/base-model.ts";
import { type TensorInfo, readTensor } from "../tensors/safetensors.ts";
import type { Trainable } from "../objectives/engine.ts";
import { InputError } from "../util/errors.ts";
import { layOut } from "./tuned-base.ts";

export interface LoadedAdapter {
  tuning: Tuning;
  trainables: readonly Trainable[];
  parameters: Float32Array;
}

/**
 * The base as the adapter was trained on it: under the classification head that the adapter brings along, with
 * the tensors that it holds whole, and with the vocabulary that it had then.
 * @throws InputError for an adapter that can't be read, or that was made for another base
 */
export async function adaptedBase(
  base: BaseModel,
  adapterDir: string | undefined,
): Promise<BaseModel> {
  if (adapterDir === undefined) return base;
  const isOwn = (await ownReader(adapterDir)) !== undefined;
  const folder = isOwn ? undefined : await readPeftFolder(adapterDir);
  const classifier = folder
    ? await adapterClassifier(folder, base.classifier)
    : await readClassifierFile(adapterFolder(adapterDir));
  const extras = folder && (peftReader(folder.config.peft_type)?.extras?.(folder) ?? NO_EXTRAS);
  const fitted = extras ? await fittedBase(base, extras) : base;
  return !classifier || classifier === fitted.classifier
    ? fitted
    : asClassifier(fitted, classifier);
}

/** The reader of a method that has a format of its own. */
async function ownReader(dir: string): Promise<OwnReader | undefined> {
  for (const reader of adapterReaders()) {
    if ("owns" in reader && (await reader.owns(dir))) return reader;
  }
  return undefined;
}

function peftReader(type: string): PeftReader | undefined {
  return adapterReaders().find(
    (reader): reader is PeftReader => "peftTypes" in reader && reader.peftTypes.includes(type),
  );
}

async function fittedBase(base: BaseModel, extras: PeftExtras): Promise<BaseModel> {
  const { whole: trained, copies, rows: tokens, twins } = extras;
  if (trained.size + copies.length + tokens.size + twins.length === 0) return base;
  // A classifier has no language head that could share the embedding.
  const config = base.classifier ? { ...base.config, tie_word_embeddings: false } : base.config;
  const {
    base: { weights },
    untiesHead,
    whole,
  } = await fitBase({ dir: base.dir, config, weights: base.weights }, extras);
  const own = [...whole].map(([name, info]) => [name, { ...info, name }] as const);
  const rows = weights.get(base.architecture.embedding)?.shape[0];
  const changed = {
    ...base.config,
    ...(untiesHead ? { tie_word_embeddings: false } : {}),
    ...(rows === undefined ? {} : { vocab_size: rows }),
  };
  return withConfig({ ...base, weights: new Map([...weights, ...own]) }, changed);
}

interface Found {
  adapter: Adapter;
  /** By the adapter's names, and of what is fed in the place of the base's own tensors, by its names. */
  stored: ReadonlyMap<string, StoredTensor>;
  fed: readonly string[];
}

/**
 * None when there is no adapter.
 * @param base what `adaptedBase` made of it
 * @throws InputError naming the file and the tensor that does not belong to this base
 */
export async function loadAdapter(
  base: BaseModel,
  adapterDir: string | undefined,
): Promise<LoadedAdapter> {
  if (adapterDir === undefined) {
    return { tuning: NOTHING_TUNED, trainables: [], parameters: new Float32Array() };
  }
  const dir = adapterFolder(path.resolve(adapterDir));
  const own = await ownReader(dir);
  const { adapter, stored, fed } = own
    ? await own.read(dir, base)
    : found(await readPeftFolder(dir), base);
  const replaced = fed.map((name): NamedShape => ({
    name,
    shape: stored.get(name)?.shape ?? [],
  }));
  const { trainables, size } = layOut([...adapter.tensors, ...replaced]);
  const parameters = new Float32Array(size);
  for (const { name, shape, offset, length } of trainables) {
    const tensor = stored.get(name);
    if (tensor?.shape.join() !== shape.join()) {
      const what = tensor ? `is [${tensor.shape.join(", ")}]` : "is missing";
      throw new InputError(
        `${dir}: tensor ${name} ${what}, but this base model calls for [${shape.join(", ")}]: the adapter was made for another base`,
      );
    }
    parameters.subarray(offset, offset + length).set(await tensor.values());
  }
  return { tuning: { trained: new Set(fed), adapter }, trainables, parameters };
}

/** @throws InputError for a type that is not computed */
function found(folder: PeftFolder, base: BaseModel): Found {
  const { peft_type: type } = folder.config;
  const reader = peftReader(type);
  if (!reader) throw unsupportedType(folder.file, type);
  const score = base.classifier && peftScore(folder);
  const adapter = reader.adapter(folder, base);
  const fed = new Map([
    ...(score ? [[SCORE, storedAs(score)] as const] : []),
    ...withTokens(base, reader.extras?.(folder) ?? NO_EXTRAS),
  ]);
  const own = [...folder.tensors].map(([name, info]) => [name, storedAs(info)] as const);
  return { adapter, stored: new Map([...own, ...fed]), fed: [...fed.keys()] };
}

function storedAs(info: TensorInfo): StoredTensor {
  return { shape: info.shape, values: () => readTensor(info) };
}

/** The base's embedding, or head, with the rows of the tokens that were trained singly. */
function withTokens(
  { weights, dir, config }: BaseModel,
  { rows }: PeftExtras,
): ReadonlyMap<string, StoredTensor> {
  return new Map(
    [...rows].flatMap(([name, { tokens, values }]) => {
      const own = weights.get(name);
      // A tied head follows the embedding.
      if (!own && name === headOf({ config })) return [];
      checkTokens({ tokens, values }, own, `${name} of ${dir}`);
      const read = async (): Promise<Float32Array> => {
        const [table, trained] = [await readTensor(own), await readTensor(values)];
        const [, width = 0] = own.shape;
        tokens.forEach((token, row) => {
          table.set(trained.subarray(row * width, (row + 1) * width), token * width);
        });
        return table;
      };
      return [[name, { shape: own.shape, values: read }] as const];
    }),
  );
}
