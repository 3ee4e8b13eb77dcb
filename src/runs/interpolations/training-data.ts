/** Whether rows that shall judge a fine-tune are those that it was trained on. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { realpath } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { RUN_FILES } from "../../protocol/run-folder.ts";
import type { InterpolationData } from "../../protocol/interpolation.ts";
import { readJsonAs, valueOf } from "../../run-folder/read-json.ts";
import { parseRunRecipe } from "../../run-folder/run-recipe.ts";

/**
 * The data, marked where they are the training data of the run whose result `tuned` is: the same file, or
 * one of the same bytes. Of a fine-tune that no run of ours made nothing is known.
 * @param tuned absolute path of an adapter's or a model's folder
 */
export async function withTrainingDataMarked(
  data: readonly InterpolationData[],
  tuned: string,
): Promise<InterpolationData[]> {
  const recipeFile = path.join(path.dirname(tuned), RUN_FILES.recipe);
  const { recipe, foreign } = valueOf(await readJsonAs(recipeFile, parseRunRecipe)) ?? {};
  const train = (recipe ?? foreign)?.data?.train;
  // Another engine may name its data otherwise.
  if (train === undefined || !path.isAbsolute(train)) return [...data];
  const place = await realpath(train).catch(() => undefined);
  // As the run read it; the file may have changed since.
  const hash = recipe?.hashes?.[train];
  const marked = data.map(async (each): Promise<InterpolationData> => {
    const isSame = (await realpath(each.file)) === place || (await hashOf(each.file)) === hash;
    return isSame ? { ...each, isTrainingData: true } : each;
  });
  return Promise.all(marked);
}

/** sha256 in hex */
async function hashOf(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}
