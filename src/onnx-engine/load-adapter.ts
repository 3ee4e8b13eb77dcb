/** An adapter folder's tensors as engine parameters. */
import path from "node:path";
import { type Adapter, adapterTensors } from "../adapters/adapter.ts";
import type { LoraAdapter, LoraEmbedding } from "../adapters/lora.ts";
import { type NamedShape, embeddingTensor } from "../graph/causal-lm.ts";
import { type BaseModel, asClassifier, withConfig } from "../models/base-model.ts";
import { SCORE, adapterClassifier, readClassifierFile } from "../adapter-files/classifier-head.ts";
import { InputError } from "../util/errors.ts";
import { type LoraModule, type PeftAdapter, loraAdapterOf } from "../adapter-files/peft/adapter.ts";
import { NO_EXTRAS, type PeftExtras } from "../adapter-files/peft/extras.ts";
import { type PeftFolder, adapterFolder, readPeftFolder } from "../adapter-files/peft/folder.ts";
import { unsupportedType } from "../adapter-files/peft/types.ts";
import { isReftAdapter } from "../adapter-files/reft/reft-adapter.ts";
import { ia3Tensors, peftScore, promptEmbeddings } from "../adapter-files/peft/others.ts";
import { readTensor } from "../tensors/safetensors.ts";
import { checkTokens, fitBase, headOf } from "../adapter-files/peft/vocabulary.ts";
import { ia3SitesOf, loraSitesOf } from "./adapter-sites.ts";
import type { Trainable } from "../objectives/engine.ts";
import { NOTHING_TUNED, type Tuning } from "./ort-graphs.ts";
import { loadReft } from "./reft-files.ts";
import { layOut } from "./tuned-base.ts";
import { embeddingWidth } from "./tuning-of.ts";

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
  const isReft = await isReftAdapter(adapterDir);
  const folder = isReft ? undefined : await readPeftFolder(adapterDir);
  const classifier = folder
    ? await adapterClassifier(folder, base.classifier)
    : await readClassifierFile(adapterFolder(adapterDir));
  const fitted = folder ? await fittedBase(base, extrasOf(folder)) : base;
  return !classifier || classifier === fitted.classifier
    ? fitted
    : asClassifier(fitted, classifier);
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

function extrasOf(folder: PeftFolder): PeftExtras {
  switch (folder.config.peft_type) {
    case "LORA":
      return loraAdapterOf(folder).extras;
    case "IA3":
      return ia3Tensors(folder).extras;
    default:
      return NO_EXTRAS;
  }
}

interface Found {
  adapter: Adapter;
  /** Tensors that are fed in the place of the base's own, by its names. */
  fed: ReadonlyMap<string, { shape: readonly number[]; values: () => Promise<Float32Array> }>;
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
  if (await isReftAdapter(dir)) return loadedReft(dir, base);
  const folder = await readPeftFolder(dir);
  const { adapter, fed } = found(folder, base);
  const replaced = [...fed].map(([name, { shape }]): NamedShape => ({ name, shape }));
  const { trainables, size } = layOut([...adapterTensors(adapter), ...replaced]);
  const parameters = new Float32Array(size);
  for (const { name, shape, offset, length } of trainables) {
    const own = fed.get(name);
    const info = folder.tensors.get(name);
    const foundShape = own?.shape ?? info?.shape;
    if (foundShape?.join() !== shape.join()) {
      const what = foundShape ? `is [${foundShape.join(", ")}]` : "is missing";
      throw new InputError(
        `${folder.dir}: tensor ${name} ${what}, but this base model calls for [${shape.join(", ")}]: the adapter was made for another base`,
      );
    }
    const values = own ? await own.values() : info && (await readTensor(info));
    parameters.subarray(offset, offset + length).set(values ?? []);
  }
  return { tuning: { trained: new Set(fed.keys()), adapter }, trainables, parameters };
}

function embeddingOf(
  { path: module, a, b, scale }: LoraModule,
  { architecture }: BaseModel,
  name: string,
): LoraEmbedding {
  const own = embeddingTensor(architecture);
  const [rank = 0, vocabSize = 0] = a.shape;
  const width = b.shape[0] ?? 0;
  if (`${module}.weight` !== own.name || own.shape.join() !== [vocabSize, width].join()) {
    throw new InputError(
      `${name}: tensor ${a.name} is for ${module} [${vocabSize}, ${width}], but this base model has ${own.name} [${own.shape.join(", ")}]: the adapter was made for another base`,
    );
  }
  return { path: module, vocabSize, width, rank, scale };
}

async function loadedReft(dir: string, base: BaseModel): Promise<LoadedAdapter> {
  const { adapter, values, head } = await loadReft(dir, base);
  const { trainables, size } = layOut([...adapterTensors(adapter), ...(head ? [head] : [])]);
  const parameters = new Float32Array(size);
  for (const { name, offset } of trainables) parameters.set(values.get(name) ?? [], offset);
  const trained = new Set(head ? [head.name] : []);
  return { tuning: { trained, adapter }, trainables, parameters };
}

function found(folder: PeftFolder, base: BaseModel): Found {
  const { architecture } = base;
  const { layers, keyValueHeads, headSize } = architecture;
  const score = base.classifier && peftScore(folder);
  const head: Found["fed"] = new Map(
    score ? [[SCORE, { shape: score.shape, values: () => readTensor(score) }]] : [],
  );
  switch (folder.config.peft_type) {
    case "LORA": {
      const peft = loraAdapterOf(folder);
      const fed = new Map([...head, ...withTokens(base, peft.extras)]);
      return { adapter: loraOf(peft, base, folder.dir), fed };
    }
    case "IA3": {
      const { scales, extras } = ia3Tensors(folder);
      const sites = ia3SitesOf(scales, architecture, folder.dir);
      return {
        adapter: { type: "ia3", sites },
        fed: new Map([...head, ...withTokens(base, extras)]),
      };
    }
    case "PROMPT_TUNING":
    case "P_TUNING": {
      const [tokens = 0] = promptEmbeddings(folder).shape;
      const width = embeddingWidth(architecture);
      return { adapter: { type: "prompt-tuning", tokens, width }, fed: head };
    }
    case "PREFIX_TUNING": {
      const [tokens = 0] = promptEmbeddings(folder).shape;
      const width = keyValueHeads * headSize;
      return { adapter: { type: "prefix-tuning", tokens, layers, width }, fed: head };
    }
    default:
      throw unsupportedType(folder.file, folder.config.peft_type);
  }
}

/** The base's embedding, or head, with the rows of the tokens that were trained singly. */
function withTokens({ weights, dir, config }: BaseModel, { rows }: PeftExtras): Found["fed"] {
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

function loraOf(peft: PeftAdapter, base: BaseModel, dir: string): LoraAdapter {
  const { config } = peft;
  const { r: rank, lora_alpha: alpha, use_rslora: useRslora, use_dora: useDora } = config;
  const sites = loraSitesOf(peft, base.architecture, dir);
  const embedding = peft.embedding && embeddingOf(peft.embedding, base, dir);
  return { type: "lora", sites, embedding, rank, alpha, useRslora, useDora, dropout: 0 };
}
