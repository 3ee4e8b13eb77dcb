/**
 * A weighted sum of models of one architecture: W = Σ weightᵢ · Wᵢ, in the first model's files and number
 * format. Two of them with weights 1 − α and α are interpolated (WiSE-FT, arXiv 2109.01903). It is the
 * method `linear`, said shortly.
 */
import path from "node:path";
import { InputError } from "../../util/errors.ts";
import { mergeByMethod } from "./merge-by-method.ts";

export interface ModelMerge {
  /** Hugging Face folders, two or more; the first gives files, number format, config and tokenizer. */
  models: readonly { dir: string; weight: number }[];
  /** Must not exist, or be empty. */
  outDir: string;
  /** @param done and total bytes of the output */
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

/**
 * With all the weight on one model its values are copied, bit for bit where the number formats agree.
 * @throws InputError naming every tensor that does not fit, or holds NaN; nothing is left behind then
 */
export async function mergeModels({ models, ...options }: ModelMerge): Promise<void> {
  if (models.length < 2) throw new InputError("a merge needs two models or more");
  const config = {
    merge_method: "linear" as const,
    models: models.map(({ dir, weight }) => ({ model: path.resolve(dir), parameters: { weight } })),
    parameters: { normalize: false },
  };
  const request = { config, where: () => "the merge", seed: 0 };
  await mergeByMethod({ request, ...options });
}
