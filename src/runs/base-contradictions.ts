/** What the base that a recipe names says against its engine. */
import path from "node:path";
import type { Contradiction } from "../protocol/contradiction.ts";
import { familyContradiction, limitsFamilies } from "../protocol/contradictions.ts";
import type { Recipe } from "../protocol/recipe.ts";
import { type JsonObject, readJsonObject } from "../util/json.ts";

/** @param base absolute; one without a config.json that can be read is for others to refuse */
export async function baseContradictions(recipe: Recipe, base: string): Promise<Contradiction[]> {
  if (!limitsFamilies(recipe)) return [];
  const file = path.join(base, "config.json");
  const config: JsonObject = await readJsonObject(file).catch(() => ({}));
  const { model_type: modelType } = config;
  return typeof modelType === "string" ? familyContradiction(recipe, modelType) : [];
}
