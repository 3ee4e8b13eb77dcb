/**
 * A base model whose frozen linear weights are stored in 8- or 4-bit blocks, to train a LoRA over
 * (QLoRA, arXiv 2305.14314). Embeddings, norms and the head keep their own type, as in bitsandbytes.
 */
import type { Quantization } from "../protocol/engines/onnx.ts";
import { type Method, quantizationProblem } from "../protocol/methods.ts";
import { InputError } from "../util/errors.ts";
import { BITS_PER_WEIGHT } from "../tensors/quantise/block-codes.ts";
import { quantisedFile } from "../tensors/quantise/quantised-folder.ts";
import { readSafetensorsHeader } from "../tensors/safetensors.ts";
import type { BaseModel } from "./base-model.ts";
import { elementCount } from "../util/element-count.ts";

export interface QuantiseOptions {
  method: Method;
  /** Left out: none. */
  quantization?: Quantization | undefined;
  /** Left out: the user's cache. */
  cacheDir?: string | undefined;
  log: (line: string) => void;
}

/**
 * @returns the base itself when no quantisation is asked for, else the same model over the copy of its weights in the cache, which is made on first use
 * @throws InputError naming the tensor that can't be quantised
 */
export async function quantiseBase(
  base: BaseModel,
  { method, quantization = "none", cacheDir, log }: QuantiseOptions,
): Promise<BaseModel> {
  if (quantization === "none") return base;
  const problem = quantizationProblem(method);
  if (problem !== undefined) throw new InputError(problem);
  const linear = base.architecture.linearLayers.filter(({ isHead }) => !isHead);
  const quantised = new Set(linear.map(({ path }) => `${path}.weight`));
  const file = await quantisedFile(base.dir, {
    type: quantization,
    weights: base.weights,
    quantised,
    cacheDir,
    log,
  });
  const { tensors: weights } = await readSafetensorsHeader(file);
  const count = linear.reduce((sum, one) => sum + one.inFeatures * one.outFeatures, 0);
  const all = base.architecture.tensors.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  log(
    `quantization ${quantization}: ${quantised.size} linear weights, ${share(count, all)} of the model, take ${BITS_PER_WEIGHT[quantization]} bits a value in ${file}`,
  );
  log(
    `the adapter is for ${base.dir} as it is: merge, eval and generate use those weights, not the quantised ones`,
  );
  return { ...base, weights };
}

function share(part: number, whole: number): string {
  return `${Math.round((100 * part) / whole)} %`;
}
