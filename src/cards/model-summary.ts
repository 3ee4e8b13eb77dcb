/**
 * What a model or an adapter is, from file headers alone: cheap enough to run in the editor for
 * every model of a workspace.
 */
import path from "node:path";
import { InputError } from "../util/errors.ts";
import { isGgufName } from "../gguf/file-name.ts";
import { checkIsNoAdapter } from "../gguf/adapter.ts";
import { readGgufHeader } from "../gguf/header.ts";
import { readJsonObject } from "../util/json.ts";
import { classifierOf } from "../adapter-files/classifier-head.ts";
import { foreignQuantisation } from "../tensors/foreign-quantisation.ts";
import { readModelWeights } from "../tensors/model-weights.ts";
import { formatOf } from "../adapter-files/formats.ts";
import { totalBytes } from "../util/total-bytes.ts";
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

export type AdapterSummary = Awaited<ReturnType<typeof summariseAdapter>>;

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
 * @param place a folder or file in one of the formats of adapter-files/formats.ts
 * @throws InputError of one line for what is no adapter that Retune knows, or is broken
 */
export async function summariseAdapter(place: string) {
  return (await formatOf(place)).summarise(place);
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
