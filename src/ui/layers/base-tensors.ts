/** The tensors of a base model that training can change, by the names that recipes use. */
import path from "node:path";
import { checkpointName } from "../../gguf/llama-tensors.ts";
import { readJsonObject } from "../../util/json.ts";
import { readModelWeights } from "../../tensors/model-weights.ts";
import { withTrueTie } from "../../tensors/tied-head.ts";
import { summariseModel } from "../../cards/model-summary.ts";
import { elementCount } from "../../util/element-count.ts";

export interface BaseTensor {
  /** transformers' name, for a .gguf too. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly parameters: number;
}

const HEAD = "lm_head.weight";
/** Tables that old checkpoints store although they follow from config.json. */
const COMPUTED = /\.rotary_emb\.inv_freq$/u;

/**
 * From the headers of its files alone.
 * @param base a Hugging Face folder or a .gguf file
 * @throws InputError of one line for what cannot be read
 */
export async function readBaseTensors(base: string): Promise<BaseTensor[]> {
  const { tensors } = await summariseModel(base);
  const isGguf = /\.gguf$/iu.test(base);
  const hasHead = tensors.some(({ name }) => name === HEAD);
  const isTied = !isGguf && hasHead && (await isTiedFolder(base));
  return tensors.flatMap(({ name: stored, shape }) => {
    const name = isGguf ? checkpointName(stored) : stored;
    if (name === undefined || COMPUTED.test(name) || (isTied && name === HEAD)) return [];
    return { name, shape, parameters: elementCount(shape) };
  });
}

async function isTiedFolder(dir: string): Promise<boolean> {
  const config = await readJsonObject(path.join(dir, "config.json"));
  return (await withTrueTie(config, await readModelWeights(dir)))["tie_word_embeddings"] === true;
}
