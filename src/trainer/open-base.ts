/** A run's base model, under the head that its objective trains. */
import { type BaseModel, openBaseModel } from "../models/base-model.ts";
import { objectiveOf } from "../objectives/registry.ts";
import { isFromScratch } from "../protocol/methods.ts";
import type { ResolvedRecipe } from "../protocol/recipe.ts";

/** @throws InputError for a base that is broken, or that does not fit the objective */
export async function openBase(
  baseDir: string,
  recipe: Pick<ResolvedRecipe, "method" | "objective" | "data">,
  log?: (line: string) => void,
): Promise<BaseModel> {
  const { method, objective, data } = recipe;
  const needWeights = !isFromScratch(method);
  const base = await openBaseModel(baseDir, { needWeights, ...(log ? { log } : {}) });
  return objectiveOf(recipe).headed(objective, base, data);
}
