/** An adapter folder's tensors as engine parameters. */
import path from "node:path";
import { type Adapter, adapterTensors } from "../adapters/adapter.ts";
import type { LoraEmbedding } from "../adapters/lora.ts";
import type { NamedShape } from "../graph/causal-lm.ts";
import { checkBaseCopies } from "../merge/merge-plan.ts";
import { type BaseModel, asClassifier } from "../models/base-model.ts";
import { SCORE, adapterClassifier, readClassifierFile } from "../weights/classifier-head.ts";
import { InputError } from "../util/errors.ts";
import { type LoraModule, loraAdapterOf } from "../weights/peft-adapter.ts";
import { type PeftFolder, readPeftFolder } from "../weights/peft-folder.ts";
import { isReftAdapter } from "../weights/reft/reft-adapter.ts";
import { ia3Tensors, peftScore, promptEmbeddings } from "../weights/peft-others.ts";
import { type TensorInfo, readTensor } from "../weights/safetensors.ts";
import { ia3SitesOf, loraSitesOf } from "./adapter-sites.ts";
import type { Trainable } from "./engine.ts";
import { NOTHING_TUNED, type Tuning } from "./ort-graphs.ts";
import { loadReft } from "./reft-files.ts";
import { layOut } from "./tuned-base.ts";
import { embeddingTensor, embeddingWidth } from "./tuning-of.ts";

export interface LoadedAdapter {
  tuning: Tuning;
  trainables: readonly Trainable[];
  parameters: Float32Array;
}

/**
 * The base under the classification head that the adapter brings along, if it does.
 * @throws InputError for an adapter that can't be read
 */
export async function adaptedBase(
  base: BaseModel,
  adapterDir: string | undefined,
): Promise<BaseModel> {
  if (adapterDir === undefined) return base;
  const classifier = (await isReftAdapter(adapterDir))
    ? await readClassifierFile(adapterDir)
    : await adapterClassifier(await readPeftFolder(adapterDir), base.classifier);
  return !classifier || classifier === base.classifier ? base : asClassifier(base, classifier);
}

interface Found {
  adapter: Adapter;
  /** Tensors of the base that the adapter replaces. */
  whole: ReadonlyMap<string, TensorInfo>;
}

/**
 * None when there is no adapter.
 * @throws InputError naming the file and the tensor that does not belong to this base
 */
export async function loadAdapter(
  base: BaseModel,
  adapterDir: string | undefined,
): Promise<LoadedAdapter> {
  if (adapterDir === undefined) {
    return { tuning: NOTHING_TUNED, trainables: [], parameters: new Float32Array() };
  }
  const dir = path.resolve(adapterDir);
  if (await isReftAdapter(dir)) return loadedReft(dir, base);
  const folder = await readPeftFolder(dir);
  const { adapter, whole } = await found(folder, base);
  const replaced = [...whole].map(([name, { shape }]): NamedShape => ({ name, shape }));
  const { trainables, size } = layOut([...adapterTensors(adapter), ...replaced]);
  const parameters = new Float32Array(size);
  for (const { name, shape, offset, length } of trainables) {
    const info = whole.get(name) ?? folder.tensors.get(name);
    if (info?.shape.join() !== shape.join()) {
      const what = info ? `is [${info.shape.join(", ")}]` : "is missing";
      throw new InputError(
        `${folder.dir}: tensor ${name} ${what}, but this base model calls for [${shape.join(", ")}]: the adapter was made for another base`,
      );
    }
    parameters.subarray(offset, offset + length).set(await readTensor(info));
  }
  return { tuning: { trained: new Set(whole.keys()), adapter }, trainables, parameters };
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

async function found(folder: PeftFolder, base: BaseModel): Promise<Found> {
  const { architecture } = base;
  const { layers, keyValueHeads, headSize } = architecture;
  const whole = new Map<string, TensorInfo>();
  const score = base.classifier && peftScore(folder);
  if (score) whole.set(SCORE, score);
  switch (folder.config.peft_type) {
    case "LORA":
      return foundLora(folder, base);
    case "IA3": {
      return {
        adapter: { type: "ia3", sites: ia3SitesOf(ia3Tensors(folder), architecture, folder.dir) },
        whole,
      };
    }
    case "PROMPT_TUNING": {
      const [tokens = 0] = promptEmbeddings(folder).shape;
      const width = embeddingWidth(architecture);
      return { adapter: { type: "prompt-tuning", tokens, width }, whole };
    }
    case "PREFIX_TUNING": {
      const [tokens = 0] = promptEmbeddings(folder).shape;
      const width = keyValueHeads * headSize;
      return { adapter: { type: "prefix-tuning", tokens, layers, width }, whole };
    }
    default:
      throw new InputError(
        `${folder.file}: peft_type is ${JSON.stringify(folder.config.peft_type)}; Retune computes LORA, IA3, PROMPT_TUNING and PREFIX_TUNING`,
      );
  }
}

async function foundLora(folder: PeftFolder, base: BaseModel): Promise<Found> {
  const peft = loraAdapterOf(folder);
  await checkBaseCopies(base, peft);
  const sites = loraSitesOf(peft, base.architecture, folder.dir);
  const { config, whole } = peft;
  const embedding = peft.embedding && embeddingOf(peft.embedding, base, folder.dir);
  for (const [name, info] of whole) {
    const own = base.architecture.tensors.find((tensor) => tensor.name === name);
    if (own?.shape.join() === info.shape.join()) continue;
    const what = own ? `is [${own.shape.join(", ")}] in this base model` : "is not in it";
    throw new InputError(
      `${info.file}: tensor ${info.name} is [${info.shape.join(", ")}], but ${name} ${what}: the adapter was made for another base`,
    );
  }
  const { r: rank, lora_alpha: alpha, use_rslora: useRslora, use_dora: useDora } = config;
  return {
    adapter: { type: "lora", sites, embedding, rank, alpha, useRslora, useDora, dropout: 0 },
    whole,
  };
}
