/** The tensors of a base model that training can change, by the names that recipes use. */
import path from "node:path";
import { baseKindAt } from "../../bases/references.ts";
import type { Family } from "../../families/family.ts";
import type { TensorFacts } from "../../protocol/tensor-facts.ts";
import { familyOf, familyOfGguf } from "../../families/registry.ts";
import { InputError } from "../../util/errors.ts";
import { isComputed } from "../../families/computed.ts";
import { readJsonObject } from "../../util/json.ts";
import type { TensorInfo } from "../../tensors/safetensors.ts";
import { readModelWeights } from "../../tensors/model-weights.ts";
import { withTrueTie } from "../../families/tied-head.ts";
import { summariseModel } from "../../cards/model-summary.ts";
import { elementCount } from "../../util/element-count.ts";

export interface BaseTensor {
  /** transformers' name, for a .gguf too. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly parameters: number;
  readonly facts: TensorFacts;
}

export function baseTensor(family: Family, name: string, shape: readonly number[]): BaseTensor {
  const parameters = elementCount(shape);
  return { name, shape, parameters, facts: family.facts(name, shape) };
}

/**
 * From the headers of its files alone.
 * @param base a Hugging Face folder or a .gguf file
 * @throws InputError of one line for what cannot be read
 */
export async function readBaseTensors(base: string): Promise<BaseTensor[]> {
  const { tensors, modelType } = await summariseModel(base);
  const { hasOwnTensorNames = false } = baseKindAt(base);
  const family = hasOwnTensorNames ? familyOfGguf(modelType) : familyOf({ model_type: modelType });
  const hasHead = tensors.some(({ name }) => name === family.head);
  const listed = !hasOwnTensorNames && hasHead ? await usedTensors(base, family) : tensors;
  if (hasOwnTensorNames && !family.gguf) {
    throw new InputError(`${base}: general.architecture "${modelType}" is not supported`);
  }
  return listed.flatMap(({ name: stored, shape }) => {
    const name = hasOwnTensorNames ? family.gguf?.checkpointName(stored) : stored;
    if (name === undefined || isComputed(name)) return [];
    return baseTensor(family, name, shape);
  });
}

/** The tensors of a folder with a head: it may be the embedding, once more or alone. */
async function usedTensors(dir: string, { head }: Family): Promise<TensorInfo[]> {
  const written = await readJsonObject(path.join(dir, "config.json"));
  const { config, weights } = await withTrueTie(written, await readModelWeights(dir));
  const isTied = config["tie_word_embeddings"] === true;
  return [...weights.values()].filter(({ name }) => !isTied || name !== head);
}
