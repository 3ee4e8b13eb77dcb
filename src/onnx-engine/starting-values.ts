/** Where each trained tensor starts: in the checkpoint, drawn, or made from the base's own weights. */
import type { Adapter } from "../adapters/adapter.ts";
import { checkInVocabulary, loadTokenizer } from "../data/tokenizer.ts";
import { type ReftKind, orthonormaliseColumns } from "../adapters/reft.ts";
import { type NamedShape, embeddingTensor } from "../graph/causal-lm.ts";
import type { BaseModel } from "../models/base-model.ts";
import { SCORE } from "../adapter-files/classifier-head.ts";
import type { Method } from "../protocol/methods.ts";
import { InputError } from "../util/errors.ts";
import { type TensorInfo, readTensor } from "../tensors/safetensors.ts";
import type { Trainable } from "../objectives/engine.ts";
import { startName } from "./ort-graphs.ts";
import { principalFactors } from "./pissa.ts";
import { embeddingWidth } from "./tuning-of.ts";
import { initialValues, normalSource, uniformSource } from "./initial-values.ts";
import { elementCount } from "../util/element-count.ts";

/** A tensor of the base that is trained itself. */
export async function startOfBase(
  tensor: NamedShape,
  { weights, dir, architecture: { initializerRange } }: BaseModel,
  { seed, fromScratch }: { seed: number; fromScratch: boolean },
): Promise<Float32Array> {
  if (fromScratch) return initialValues(tensor, { seed, initializerRange });
  const stored = weights.get(tensor.name);
  if (!stored && tensor.name === SCORE) return initialValues(tensor, { seed, initializerRange });
  if (!stored) {
    throw new InputError(
      `${tensor.name} of ${dir} is held in integers by quantization and can't be trained itself; leave quantization out`,
    );
  }
  return readTensor(stored);
}

type StartOf = (tensor: NamedShape) => Promise<Float32Array>;

/** Where an adapter's tensors start. PiSSA's two factors of a site come from one decomposition. */
export function adapterStart(
  base: BaseModel,
  { seed, method, adapter }: { seed: number; method: Method; adapter: Adapter | undefined },
): StartOf {
  if (adapter?.type !== "lora" || !adapter.fromPrincipal) {
    return (tensor) => startOfAdapter(tensor, base, { seed, method });
  }
  let last: { path: string; a: Float32Array; b: Float32Array } | undefined;
  return async ({ name }) => {
    const site = adapter.sites.find(({ layer }) =>
      name.startsWith(`base_model.model.${layer.path}.`),
    );
    if (!site) throw new Error(`internal: ${name} is of no site`);
    const { path, outFeatures: rows, inFeatures: columns } = site.layer;
    if (last?.path !== path) {
      const info = base.weights.get(`${path}.weight`);
      if (!info) {
        throw new InputError(
          `method.init "pissa" needs ${path}.weight as it is; leave quantization and tied heads out`,
        );
      }
      const normal = normalSource(uniformSource(`${seed}:${path}`));
      const shape = { rows, columns };
      const factors = principalFactors(await readTensor(info), shape, { ...site, normal });
      last = { path, ...factors };
    }
    return name.endsWith(".lora_A.weight") ? last.a : last.b;
  };
}

/** What PiSSA takes away from the weights: the factors as they start, before anything is learnt. */
export function startFeeds(
  adapter: Adapter | undefined,
  trainables: readonly Trainable[],
  parameters: Float32Array,
): Record<string, Float32Array> {
  if (adapter?.type !== "lora" || !adapter.fromPrincipal) return {};
  return Object.fromEntries(
    trainables.map(({ name, offset, length }) => [
      startName(name),
      parameters.slice(offset, offset + length),
    ]),
  );
}

async function startOfAdapter(
  tensor: NamedShape,
  base: BaseModel,
  { seed, method }: { seed: number; method: Method },
): Promise<Float32Array> {
  const { initializerRange } = base.architecture;
  const [, module] = /^base_model\.model\.(.+)\.lora_magnitude_vector$/u.exec(tensor.name) ?? [];
  if (module !== undefined) {
    const weight = storedWeight(base, `${module}.weight`);
    const isTable = `${module}.weight` === embeddingTensor(base.architecture).name;
    return isTable ? columnNorms(weight) : rowNorms(weight);
  }
  if (method.type === "prompt-tuning") return startOfPrompt(tensor, base, { seed, method });
  if (isReft(method)) {
    return startOfIntervention(tensor, {
      seed,
      type: method.type,
      width: embeddingWidth(base.architecture),
    });
  }
  return initialValues(tensor, { seed, initializerRange });
}

type ReftMethod = Extract<Method, { type: ReftKind }>;

function isReft(method: Method): method is ReftMethod {
  return method.type === "loreft" || method.type === "direft" || method.type === "noreft";
}

/** As torch starts them: orthonormal columns, and linear layers uniform in ±1/√C. */
function startOfIntervention(
  { name, shape }: NamedShape,
  { seed, type, width }: { seed: number; type: ReftKind; width: number },
): Float32Array {
  const uniform = uniformSource(`${seed}:${name}`);
  const length = elementCount(shape);
  const isRotation = name.endsWith(".rotate");
  if (isRotation && type !== "noreft") {
    const rotate = Float32Array.from({ length }, normalSource(uniform));
    orthonormaliseColumns(rotate, shape[1] ?? 0);
    return rotate;
  }
  const bound = 1 / Math.sqrt(width);
  return Float32Array.from({ length }, () => (2 * uniform() - 1) * bound);
}

/** As stored; the head of tied embeddings is the embeddings. */
function storedWeight({ weights, architecture }: BaseModel, name: string): TensorInfo {
  const found = weights.get(name) ?? weights.get(architecture.embedding);
  if (!found) throw new InputError(`DoRA needs ${name} as it is; leave quantization out`);
  return found;
}

/** ‖W[r]‖₂: DoRA starts as the base. */
async function rowNorms(weight: TensorInfo): Promise<Float32Array> {
  const values = await readTensor(weight);
  const [rows = 0, columns = 0] = weight.shape;
  return Float32Array.from({ length: rows }, (_, row) => {
    let sum = 0;
    for (const value of values.subarray(row * columns, (row + 1) * columns)) sum += value * value;
    return Math.sqrt(sum);
  });
}

/** ‖E[:,c]‖₂: of embeddings PEFT takes the lengths of columns. */
async function columnNorms(weight: TensorInfo): Promise<Float32Array> {
  const values = await readTensor(weight);
  const [, columns = 0] = weight.shape;
  const sums = new Float64Array(columns);
  values.forEach((value, i) => (sums[i % columns] = (sums[i % columns] ?? 0) + value * value));
  return Float32Array.from(sums, Math.sqrt);
}

/** @throws InputError when a text to start from has no token */
async function startOfPrompt(
  { name, shape }: NamedShape,
  base: BaseModel,
  { seed, method }: { seed: number; method: Extract<Method, { type: "prompt-tuning" }> },
): Promise<Float32Array> {
  const [tokens = 0, width = 0] = shape;
  const { vocabSize, embedding } = base.architecture;
  const info = base.weights.get(embedding);
  if (!info) throw new Error("internal: no embeddings");
  const table = await readTensor(info);
  const uniform = uniformSource(`${seed}:${name}`);
  if (method.init === "random") {
    const spread = Math.sqrt(table.reduce((sum, value) => sum + value * value, 0) / table.length);
    const normal = normalSource(uniform);
    return Float32Array.from({ length: tokens * width }, () => normal() * spread);
  }
  const ids =
    method.init === "text"
      ? await idsOfText(method.initText ?? "", base)
      : Array.from({ length: tokens }, () => Math.floor(uniform() * vocabSize));
  if (ids.length === 0) throw new InputError("method.initText has no token");
  const start = new Float32Array(tokens * width);
  for (let token = 0; token < tokens; token++) {
    const id = ids[token % ids.length] ?? 0;
    start.set(table.subarray(id * width, (id + 1) * width), token * width);
  }
  return start;
}

async function idsOfText(text: string, base: BaseModel): Promise<readonly number[]> {
  const tokenizer = await loadTokenizer(base.dir);
  const ids = await tokenizer.encode(text);
  const { vocabSize } = base.architecture;
  checkInVocabulary(ids, { vocabSize, tokenizer, place: "method.initText" });
  return ids;
}
