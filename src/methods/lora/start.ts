/** Where LoRA's tensors start. */
import { type NamedShape, embeddingTensor } from "../../graph/causal-lm.ts";
import type { BaseModel } from "../../models/base-model.ts";
import { type TensorInfo, readTensor } from "../../tensors/safetensors.ts";
import { elementCount } from "../../util/element-count.ts";
import { InputError } from "../../util/errors.ts";
import type { StartOf, Starter } from "../method.ts";
import { normalSource, uniformSource } from "../random.ts";
import type { LoraSettings } from "./lora.ts";
import { principalFactors } from "./pissa.ts";

export function loraStarter(settings: LoraSettings): Starter {
  return (base, { seed, log }) => {
    if (!settings.fromPrincipal) return (tensor) => startOf(tensor, base, seed);
    log(`decomposing ${settings.sites.length} weights for PiSSA`);
    return principalStart(settings, base, seed);
  };
}

/**
 * A as PEFT draws it (Kaiming uniform with a = √5, i.e. ±1/√in), B zero; of embeddings A zero, B normal;
 * DoRA's lengths as the base has them. A tensor's values depend on the seed and its name alone.
 */
async function startOf(
  { name, shape }: NamedShape,
  base: BaseModel,
  seed: number,
): Promise<Float32Array> {
  const length = elementCount(shape);
  if (/\.(lora_B\.weight|lora_embedding_A)$/u.test(name)) return new Float32Array(length);
  const [, module] = /^base_model\.model\.(.+)\.lora_magnitude_vector$/u.exec(name) ?? [];
  if (module !== undefined) {
    const weight = storedWeight(base, `${module}.weight`);
    const isTable = `${module}.weight` === embeddingTensor(base.architecture).name;
    return isTable ? columnNorms(weight) : rowNorms(weight);
  }
  const uniform = uniformSource(`${seed}:${name}`);
  if (name.endsWith(".lora_embedding_B")) {
    return Float32Array.from({ length }, normalSource(uniform));
  }
  const bound = 1 / Math.sqrt(shape[1] ?? 1);
  return Float32Array.from({ length }, () => (2 * uniform() - 1) * bound);
}

/** PiSSA's two factors of a site come from one decomposition. */
function principalStart({ sites }: LoraSettings, base: BaseModel, seed: number): StartOf {
  let last: { path: string; a: Float32Array; b: Float32Array } | undefined;
  return async ({ name }) => {
    const site = sites.find(({ layer }) => name.startsWith(`base_model.model.${layer.path}.`));
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
