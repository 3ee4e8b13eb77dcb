/** The methods that Start Run… offers, each with settings that learn, and what it is good for. */
import { METHODS } from "../../protocol/methods.ts";
import { labelling } from "../../protocol/objectives.ts";
import type { RecipeInput } from "../../protocol/recipe.ts";

export interface MethodChoice {
  label: string;
  /** What it is good for, in a line. */
  detail: string;
  /** What is trained, said short. */
  description: string;
  recipe: Pick<RecipeInput, "method" | "trainLast" | "freeze" | "objective">;
}

export function methodChoices(): readonly MethodChoice[] {
  return METHODS.all
    .flatMap(({ choices }) => choices)
    .toSorted((a, b) => a.place - b.place)
    .map(({ label, detail, description, recipe, labels }) => ({
      label,
      detail,
      description,
      recipe: {
        ...(recipe as Pick<RecipeInput, "method" | "trainLast">),
        ...(labels && { objective: labelling({ isProbed: labels === "probed head" }) }),
      },
    }));
}
