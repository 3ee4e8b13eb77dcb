/** A base model on disk: its architecture, and where each of its tensors is. */
import { realpath } from "node:fs/promises";
import path from "node:path";
import type { CausalLm } from "../graph/causal-lm.ts";
import type { ElementType } from "../graph/ops.ts";
import type { ExternalLocation } from "../onnx/model-writer.ts";
import { InputError } from "../util/errors.ts";
import { type JsonObject, readJsonObjectIfThere } from "../util/json.ts";
import type { DType } from "../tensors/dtype.ts";
import { refuseForeignQuantisation } from "../tensors/foreign-quantisation.ts";
import { withTrueTie } from "../families/tied-head.ts";
import { readModelWeights } from "../tensors/model-weights.ts";
import { codesName } from "../tensors/quantise/quantised-tensors.ts";
import type { TensorInfo } from "../tensors/safetensors.ts";
import { withScore } from "./classifier.ts";
import {
  type Classifier,
  SCORE,
  classifierOf,
  sameLabels,
} from "../adapter-files/classifier-head.ts";
import { familyOf } from "../families/registry.ts";
import { causalLmOf } from "./registry.ts";

export interface BaseModel {
  dir: string;
  architecture: CausalLm;
  /** config.json, with `tie_word_embeddings` as the weights have it. */
  config: Readonly<Record<string, unknown>>;
  /** Empty for a folder that has only a config, to train from scratch. */
  weights: ReadonlyMap<string, TensorInfo>;
  /** What the head labels, where it is a classification head. */
  classifier?: Classifier | undefined;
}

const ELEMENT_TYPES: Partial<Record<DType, ElementType>> = {
  F32: "float32",
  F16: "float16",
  BF16: "bfloat16",
};
/** How `quantiseBase` stores codes: two of four bits in each byte. */
const CODE_TYPES: Partial<Record<DType, ElementType>> = { I8: "int8", U8: "int4" };

async function readConfig(dir: string): Promise<{ file: string; config: JsonObject }> {
  const file = path.join(dir, "config.json");
  const config = await readJsonObjectIfThere(file);
  if (config) return { file, config };
  throw new InputError(`${dir} has no config.json; a base model is a Hugging Face folder`);
}

/**
 * @param dir a Hugging Face folder
 * @param options.needWeights false to accept a folder without weights
 * @param options.log gets what is odd about the folder and does no harm
 * @throws InputError naming the file and the key or tensor that is missing or does not fit
 */
export async function openBaseModel(
  dir: string,
  {
    needWeights = true,
    log = () => {},
  }: { needWeights?: boolean; log?: (line: string) => void } = {},
): Promise<BaseModel> {
  const { file, config: written } = await readConfig(dir);
  await refuseForeignQuantisation(dir, written);
  const stored = needWeights ? await readModelWeights(dir, log) : new Map<string, TensorInfo>();
  if (needWeights) checkLayerCount(written, stored, file);
  const asWritten = { config: written, weights: stored };
  const { config, weights } = needWeights ? await withTrueTie(written, stored) : asWritten;
  const causalLm = causalLmOf(config, file);
  const classifier = classifierOf(config, file);
  const architecture = classifier ? withScore(causalLm, classifier) : causalLm;
  if (needWeights) checkWeights(architecture, weights, file);
  return { dir, architecture, config, weights, classifier };
}

/** The base with a head of these labels: its own where it has the same, else a new one, not yet drawn. */
export function asClassifier(base: BaseModel, classifier: Classifier): BaseModel {
  if (sameLabels(base.classifier, classifier)) return { ...base, classifier };
  const file = path.join(base.dir, "config.json");
  const weights = new Map([...base.weights].filter(([name]) => name !== SCORE));
  const architecture = withScore(causalLmOf(base.config, file), classifier);
  return { ...base, architecture, weights, classifier };
}

/** Before anything is made for each of them. */
function checkLayerCount(
  config: JsonObject,
  weights: ReadonlyMap<string, TensorInfo>,
  file: string,
): void {
  const { blockOf, isKnown } = familyOf(config);
  // What it is will be refused by its name.
  if (!isKnown) return;
  const layers = new Set([...weights.keys()].flatMap((name) => blockOf(name)?.index ?? []));
  const { num_hidden_layers: stated } = config;
  if (typeof stated !== "number" || stated <= layers.size) return;
  throw new InputError(
    `${file}: num_hidden_layers is ${stated}, but the weights have ${layers.size} layers`,
  );
}

/**
 * The base under a config that differs from its own.
 * @throws InputError where the tensors do not fit it
 */
export function withConfig(base: BaseModel, config: Readonly<Record<string, unknown>>): BaseModel {
  const file = path.join(base.dir, "config.json");
  const { classifier, weights } = base;
  const causalLm = causalLmOf(config, file);
  const architecture = classifier ? withScore(causalLm, classifier) : causalLm;
  checkWeights(architecture, weights, file);
  return { ...base, config, architecture };
}

function checkWeights(
  architecture: CausalLm,
  weights: ReadonlyMap<string, TensorInfo>,
  configFile: string,
): void {
  refuseUncalledBias(architecture, weights, configFile);
  for (const { name, shape } of architecture.tensors) {
    const info = weights.get(name);
    if (!info) {
      throw new InputError(
        `${path.dirname(configFile)}: tensor ${name} [${shape.join(", ")}] is missing, though ${configFile} calls for it`,
      );
    }
    if (info.shape.join() !== shape.join()) {
      throw new InputError(
        `${info.file}: tensor ${name} is [${info.shape.join(", ")}], but ${configFile} calls for [${shape.join(", ")}]`,
      );
    }
    if (!ELEMENT_TYPES[info.dtype]) {
      throw new InputError(
        `${info.file}: tensor ${name} is ${info.dtype}; supported: ${Object.keys(ELEMENT_TYPES).join(", ")}`,
      );
    }
  }
}

/** A bias that the config does not call for would be left out in silence, and the model be another. */
function refuseUncalledBias(
  architecture: CausalLm,
  weights: ReadonlyMap<string, TensorInfo>,
  configFile: string,
): void {
  const called = new Set(architecture.tensors.map(({ name }) => name));
  const biases = architecture.linearLayers.map(({ path: layer }) => `${layer}.bias`);
  const name = biases.find((bias) => weights.has(bias) && !called.has(bias));
  if (name === undefined) return;
  throw new InputError(
    `${weights.get(name)?.file}: has tensor ${name}, but ${configFile} calls for no such bias; correct the key that is for it (attention_bias, mlp_bias), or model_type`,
  );
}

/** Whether the checkpoint has the tensor, whole or in blocks. */
export function isStored(weights: ReadonlyMap<string, TensorInfo>, name: string): boolean {
  return weights.has(name) || weights.has(codesName(name));
}

/** The graph's type of a checkpoint tensor, that of its codes where it is stored in blocks. */
export function storedTypeOf(weights: ReadonlyMap<string, TensorInfo>, name: string): ElementType {
  const info = weights.get(name);
  const codes = weights.get(codesName(name));
  const type = info ? ELEMENT_TYPES[info.dtype] : codes && CODE_TYPES[codes.dtype];
  if (!type) throw new Error(`internal: no weight ${name}, or of type ${info?.dtype}`);
  return type;
}

/**
 * Where ONNX Runtime finds each tensor. It takes neither symbolic links nor paths that leave the
 * one folder it is given, and the Hugging Face cache is all links: so links are followed, and the
 * folder is the nearest one that holds all the real files.
 */
export async function locateWeights(
  weights: ReadonlyMap<string, TensorInfo>,
): Promise<{ dir: string; locate: (name: string) => ExternalLocation }> {
  const files = [...new Set([...weights.values()].map(({ file }) => file))];
  const real = new Map<string, string>();
  for (const file of files) real.set(file, await realpath(file));
  const dir = commonFolder([...real.values()]);
  return {
    dir,
    locate: (name) => {
      const info = weights.get(name);
      const file = info && real.get(info.file);
      if (!info || !file) throw new Error(`internal: no weight ${name}`);
      const { byteOffset, byteLength } = info;
      return { path: path.relative(dir, file), byteOffset, byteLength };
    },
  };
}

function commonFolder(files: readonly string[]): string {
  const [first, ...others] = files;
  if (first === undefined) return process.cwd();
  let folder = path.dirname(first);
  const inside = (file: string): boolean => !path.relative(folder, file).startsWith("..");
  while (!others.every(inside) && folder !== path.dirname(folder)) folder = path.dirname(folder);
  return folder;
}
