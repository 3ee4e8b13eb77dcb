/** Where a tensor of the base starts that is trained itself: in the checkpoint, or drawn. */
import { SCORE } from "../adapter-files/classifier-head.ts";
import type { NamedShape } from "../graph/causal-lm.ts";
import { initialValues } from "../methods/random.ts";
import type { BaseModel } from "../models/base-model.ts";
import { readTensor } from "../tensors/safetensors.ts";
import { InputError } from "../util/errors.ts";

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
