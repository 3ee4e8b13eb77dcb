/**
 * What a model or an adapter is, from file headers alone: cheap enough to run in the editor for
 * every model of a workspace.
 */
import { stat } from "node:fs/promises";
import path from "node:path";
import { InputError } from "../util/errors.ts";
import { isGgufName } from "../gguf/file-name.ts";
import { checkIsNoAdapter, readGgufAdapter } from "../gguf/adapter.ts";
import { readGgufHeader } from "../gguf/header.ts";
import { readJsonObject } from "../util/json.ts";
import { adapterClassifier, classifierOf } from "../adapter-files/classifier-head.ts";
import { foreignQuantisation } from "../tensors/foreign-quantisation.ts";
import { readModelWeights } from "../tensors/model-weights.ts";
import { isReftAdapter, readReftAdapter } from "../adapter-files/reft/reft-adapter.ts";
import { loraAdapterOf } from "../adapter-files/peft/adapter.ts";
import type { PeftExtras } from "../adapter-files/peft/extras.ts";
import { unsupportedType } from "../adapter-files/peft/types.ts";
import { type PeftFolder, readPeftFolder } from "../adapter-files/peft/folder.ts";
import { ia3Tensors, peftScore, promptEmbeddings } from "../adapter-files/peft/others.ts";
import type { TensorInfo } from "../tensors/safetensors.ts";
import { largest } from "../util/largest.ts";
import { elementCount } from "../util/element-count.ts";

export interface TensorSummary {
  /** The checkpoint's own name, verbatim. */
  readonly name: string;
  /** In the spelling of its file format: "BF16", "Q4_K". */
  readonly dtype: string;
  /** Slowest axis first, for GGUF too. */
  readonly shape: readonly number[];
}

export interface ModelSummary {
  /** config.json's model_type, or GGUF's general.architecture. */
  readonly modelType: string;
  /** Elements of all tensors, as stored: a tied head counts once. */
  readonly parameters: number;
  /** The type that holds most of the parameters. */
  readonly dtype: string;
  /** Size of the weight files. */
  readonly bytes: number;
  readonly tensors: readonly TensorSummary[];
  /** How many labels a classifier tells apart: it writes no text. */
  readonly labels?: number;
  /** Why it can't be trained or merged: another tool stored it quantised. */
  readonly quantised?: string;
}

export interface AdapterSummary {
  /** "LoRA", "rsLoRA", "DoRA", "(IA)³", "Prompt tuning", "Prefix tuning" */
  readonly method: string;
  /** LoRA's family has a rank and alpha. */
  readonly rank?: number;
  readonly alpha?: number;
  /** Which tokens of the prompt interventions edit: "f7+l7, tied". */
  readonly positions?: string;
  /** Prompt and prefix tuning have these. */
  readonly virtualTokens?: number;
  /** How many labels it tells apart, where it brings a classifier's head along. */
  readonly labels?: number;
  readonly parameters: number;
  /** Size of the weight file. */
  readonly bytes: number;
  /** As the adapter names it: a path or a Hugging Face repository. */
  readonly base?: string;
  /** Last parts of the adapted modules' names: "q_proj". */
  readonly targets: readonly string[];
}

/**
 * @param model a Hugging Face folder or a .gguf file
 * @throws InputError of one line for what cannot be read; a folder without weights is such
 */
export async function summariseModel(model: string): Promise<ModelSummary> {
  if (isGgufName(model)) return summariseGguf(model);
  const file = path.join(model, "config.json");
  const config = await readJsonObject(file);
  const { model_type: modelType } = config;
  if (typeof modelType !== "string" || modelType === "") {
    throw new InputError(`${file} has no model_type: it is not a transformers model`);
  }
  const quantised = await foreignQuantisation(model, config);
  const weights = await readModelWeights(model).catch((error: unknown) => {
    // The header of packed types can't be read.
    throw quantised === undefined ? error : new InputError(quantised, { cause: error });
  });
  const tensors = [...weights.values()].map(({ name, dtype, shape }) => ({ name, dtype, shape }));
  const files = new Set([...weights.values()].map((info) => info.file));
  const bytes = await totalBytes([...files]);
  const counted = countParameters(tensors, model);
  const classifier = classifierOf(config, file);
  return {
    modelType,
    bytes,
    ...counted,
    tensors,
    ...(classifier ? { labels: classifier.labels.length } : {}),
    ...(quantised === undefined ? {} : { quantised }),
  };
}

async function summariseGguf(file: string): Promise<ModelSummary> {
  const header = await readGgufHeader(file);
  checkIsNoAdapter(header);
  const parts = header.metadata.get("split.count");
  if (typeof parts === "number" && parts > 1) {
    throw new InputError(
      `${file} is one of ${parts} parts; join them with "llama-gguf-split --merge" first`,
    );
  }
  const modelType = header.metadata.get("general.architecture");
  if (typeof modelType !== "string" || modelType === "") {
    throw new InputError(`${file} does not name its architecture (general.architecture)`);
  }
  const tensors = [...header.tensors.values()].map(({ name, type, shape }) => ({
    name,
    dtype: type.name,
    shape,
  }));
  return { modelType, bytes: header.size, ...countParameters(tensors, file), tensors };
}

/**
 * @param dir a folder of PEFT's or of ReFT's, or a .gguf
 * @throws InputError of one line for what is no adapter that Retune knows, or is broken
 */
export async function summariseAdapter(dir: string): Promise<AdapterSummary> {
  if (isGgufName(dir)) return summariseGgufAdapter(dir);
  if (await isReftAdapter(dir)) return summariseReft(dir);
  const folder = await readPeftFolder(dir);
  const { tensors, paths, ...facts } = describeAdapter(folder);
  const base = folder.config.base_model_name_or_path;
  const classifier = await adapterClassifier(folder, undefined);
  return {
    ...facts,
    ...(classifier ? { labels: classifier.labels.length } : {}),
    parameters: countParameters(tensors, dir).parameters,
    bytes: await totalBytes([...new Set(tensors.map((info) => info.file))]),
    ...(base ? { base } : {}),
    targets: [...new Set(paths.map((each) => each.split(".").at(-1) ?? ""))].toSorted(),
  };
}

/** Tells what an adapter of llama.cpp is, though Retune does not compute it. */
async function summariseGgufAdapter(file: string): Promise<AdapterSummary> {
  const { rank, alpha, base, ...facts } = await readGgufAdapter(file);
  return {
    method: "LoRA for llama.cpp",
    ...facts,
    ...(rank === undefined ? {} : { rank }),
    ...(alpha === undefined ? {} : { alpha }),
    ...(base === undefined ? {} : { base }),
  };
}

const REFT = { loreft: "LoReFT", direft: "DiReFT", noreft: "NoReFT" } as const;

async function summariseReft(dir: string): Promise<AdapterSummary> {
  const { config, interventions, head, bytes } = await readReftAdapter(dir);
  const [first] = interventions;
  const layers = [...new Set(interventions.map(({ layer }) => layer))];
  return {
    method: REFT[first?.type ?? "loreft"],
    rank: largest(interventions.map(({ rank }) => rank)),
    positions: config.positions + (config.tied ? ", tied" : ""),
    parameters: interventions.reduce(
      (sum, { rotate, weight, bias }) => sum + rotate.length + weight.length + bias.length,
      head?.values.length ?? 0,
    ),
    bytes,
    ...(head ? { labels: head.labels } : {}),
    ...(config.baseModel === "" ? {} : { base: config.baseModel }),
    targets: layers.map((layer) => `block ${layer}`),
  };
}

function describeAdapter(folder: PeftFolder): Pick<
  AdapterSummary,
  "method" | "rank" | "alpha" | "virtualTokens"
> & {
  tensors: readonly TensorInfo[];
  paths: readonly string[];
} {
  const score = peftScore(folder);
  const head = score ? [score] : [];
  switch (folder.config.peft_type) {
    case "IA3": {
      const { scales, extras } = ia3Tensors(folder);
      const tensors = [...scales.values(), ...trainedBeside(extras), ...head];
      return { method: "(IA)³", tensors, paths: [...scales.keys()] };
    }
    case "PROMPT_TUNING":
    case "P_TUNING":
    case "PREFIX_TUNING": {
      const info = promptEmbeddings(folder);
      const method = VIRTUAL_TOKENS[folder.config.peft_type];
      const virtualTokens = info.shape[0] ?? 0;
      return { method, virtualTokens, tensors: [info, ...head], paths: [] };
    }
    case "LORA": {
      const { config, embedding, modules: linear, extras } = loraAdapterOf(folder);
      const modules = embedding ? [embedding, ...linear] : linear;
      const factors = modules.flatMap(({ a, b, magnitude }) => [a, b, magnitude ?? []].flat());
      return {
        method: config.use_dora ? "DoRA" : config.use_rslora ? "rsLoRA" : "LoRA",
        rank: config.r,
        alpha: config.lora_alpha,
        tensors: [...factors, ...trainedBeside(extras), ...head],
        paths: modules.map((each) => each.path),
      };
    }
    default:
      throw unsupportedType(folder.file, folder.config.peft_type);
  }
}

const VIRTUAL_TOKENS = {
  PROMPT_TUNING: "Prompt tuning",
  P_TUNING: "P-tuning",
  PREFIX_TUNING: "Prefix tuning",
} as const;

function trainedBeside({ whole, rows }: PeftExtras): TensorInfo[] {
  return [...whole.values(), ...[...rows.values()].map(({ values }) => values)];
}

function countParameters(
  tensors: readonly TensorSummary[],
  model: string,
): { parameters: number; dtype: string } {
  let parameters = 0;
  const byType = new Map<string, number>();
  for (const { dtype, shape } of tensors) {
    const count = elementCount(shape);
    parameters += count;
    byType.set(dtype, (byType.get(dtype) ?? 0) + count);
  }
  const dominant = [...byType].reduce((a, b) => (b[1] > a[1] ? b : a), ["", -1]);
  if (dominant[1] < 0) throw new InputError(`${model} holds no tensors`);
  return { parameters, dtype: dominant[0] };
}

async function totalBytes(files: readonly string[]): Promise<number> {
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}
