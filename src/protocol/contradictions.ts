/**
 * Parts of a recipe that exclude each other, which no schema of single keys can see. One list for the editor, the command
 * line and the training process, so that none lets pass what another refuses.
 */
import { InputError } from "../util/errors.ts";
import { tensorPattern } from "../util/tensor-patterns.ts";
import { type Contradicting, type Contradiction, contradictionOf } from "./contradiction.ts";
import { METHODS } from "./methods.ts";
import type { Recipe } from "./recipe.ts";
import { ENGINE_FACTS } from "./engines.ts";
import type { SharedRecipe } from "./recipe-keys.ts";

/** What is true of every recipe, then what its method, its objective and its engine say. */
export function contradictionsIn(recipe: Recipe): Contradiction[] {
  const own = NAMED.flatMap((find) => find(recipe)?.contradictions?.(recipe) ?? []);
  return [...ofEvery(recipe), ...own, ...ofObjective(recipe)];
}

/** @throws InputError with the first one */
export function refuseContradictions(recipe: Recipe): void {
  const [first] = contradictionsIn(recipe);
  if (first) throw new InputError(first.message);
}

/** How a recipe names the members that have a word on it: a registry of methods or objectives joins here. */
const NAMED: readonly ((recipe: Recipe) => Contradicting | undefined)[] = [
  ({ engine }) => ENGINE_FACTS.find(engine),
  ({ method }) => METHODS.find(method.type),
];

function ofEvery({ data, freeze = [], optimizer }: SharedRecipe): Contradiction[] {
  const patterns = [
    ...freeze.map((text, at) => ({ keys: ["freeze", at], text: text.replace(/^!/u, "") })),
    ...Object.keys(optimizer.learningRates ?? {}).map((text) => ({
      keys: ["optimizer", "learningRates", text],
      text,
    })),
  ];
  const twice = {
    keys: ["data", "evalSplit"],
    message: "data.eval and data.evalSplit exclude each other; keep one",
  };
  return [
    ...(data.eval !== undefined && data.evalSplit !== undefined ? [twice] : []),
    ...patterns.flatMap(({ keys, text }) => contradictionOf(keys, () => tensorPattern(text))),
  ];
}

function ofObjective({ objective, bestBy }: Recipe): Contradiction[] {
  const found: Contradiction[] = [];
  const isClassification = objective.type === "classification";
  if (bestBy === "macroF1" && !isClassification) {
    const message = "bestBy macroF1 is for objective classification; choose loss or accuracy";
    found.push({ keys: ["bestBy"], message });
  }
  if (bestBy !== "loss" && isClassification && objective.problem === "regression") {
    const message = `bestBy ${bestBy} counts labels, and regression has none; choose loss`;
    found.push({ keys: ["bestBy"], message });
  }
  return found;
}
