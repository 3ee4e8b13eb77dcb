import * as z from "zod";
import { recipeSchema } from "./recipe.ts";

/** JSON Schema of a recipe as a person writes it: everything with a default is optional. */
export function recipeJsonSchema(): object {
  return {
    ...z.toJSONSchema(recipeSchema, { io: "input" }),
    title: "Retune recipe",
    allowComments: true,
    allowTrailingCommas: true,
  };
}
