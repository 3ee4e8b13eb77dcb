/** What a member of a registry (a method, an objective, an engine) refuses of the recipes that name it. */
import type { SharedRecipe } from "./recipe-keys.ts";
import { errorMessage } from "../util/errors.ts";

export interface Contradiction {
  /** Place in the recipe: "method", "init". */
  keys: readonly (string | number)[];
  /** What excludes what, and the way out, in one line. */
  message: string;
}

export interface Contradicting {
  /** What is wrong with a recipe that names this member, by the recipe alone: no file is read. */
  contradictions?(recipe: SharedRecipe): readonly Contradiction[];
}

/** What a reader of patterns throws is wrong with the key that they stand at. */
export function contradictionOf(keys: Contradiction["keys"], read: () => unknown): Contradiction[] {
  try {
    read();
    return [];
  } catch (error) {
    return [{ keys, message: errorMessage(error) }];
  }
}
