/**
 * Parts of a recipe that exclude each other, which no schema of single keys can see. One list for the editor, the command
 * line and the training process, so that none lets pass what another refuses.
 */
import { InputError } from "../util/errors.ts";
import { tensorPattern } from "../util/tensor-patterns.ts";
import { type Contradicting, type Contradiction, contradictionOf } from "./contradiction.ts";
import { engineName, inWords, isAble } from "./engine-facts.ts";
import { METHODS } from "./methods.ts";
import type { ObjectiveFacts } from "./objective.ts";
import { OBJECTIVES } from "./objectives.ts";
import type { Recipe } from "./recipe.ts";
import { ENGINE_FACTS } from "./engines.ts";
import type { SharedRecipe } from "./recipe-keys.ts";

/** What is true of every recipe, then what its method, its objective and its engine say. */
export function contradictionsIn(recipe: Recipe): Contradiction[] {
  const own = NAMED.flatMap((find) => find(recipe)?.contradictions?.(recipe) ?? []);
  return [...ofEvery(recipe), ...beyondEngine(recipe), ...own, ...foreignBest(recipe)];
}

/** @throws InputError with the first one */
export function refuseContradictions(recipe: Recipe): void {
  const [first] = contradictionsIn(recipe);
  if (first) throw new InputError(first.message);
}

/** How a recipe names the members that have a word on it. */
const NAMED: readonly ((recipe: Recipe) => Contradicting | undefined)[] = [
  ({ engine }) => ENGINE_FACTS.find(engineName(engine)),
  ({ method }) => METHODS.find(method.type),
  ({ objective }) => OBJECTIVES.find(objective.type),
];

/** What its engine can't do; of an engine that is not known nothing is. */
function beyondEngine({ engine, method, objective }: Recipe): Contradiction[] {
  const facts = ENGINE_FACTS.find(engineName(engine));
  if (!facts) return [];
  const { name, can } = facts;
  const parts = [
    ["method", method.type, can.methods],
    ["objective", objective.type, can.objectives],
  ] as const;
  return parts.flatMap(([key, type, able]) =>
    isAble(able, type)
      ? []
      : [{ keys: [key], message: `engine ${name} has no ${key} ${type}; it has ${inWords(able)}` }],
  );
}

/** @param modelType `model_type` of the base's config.json, which whoever asks has read */
export function familyContradiction(recipe: Recipe, modelType: string): Contradiction[] {
  const facts = ENGINE_FACTS.find(engineName(recipe.engine));
  if (!facts || isAble(facts.can.families, modelType)) return [];
  const message = `engine ${facts.name} trains no ${modelType} models, only ${inWords(facts.can.families)}`;
  return [{ keys: ["base"], message }];
}

/** Whether a base's model type is to be asked about. */
export function limitsFamilies({ engine }: Recipe): boolean {
  const facts = ENGINE_FACTS.find(engineName(engine));
  return facts !== undefined && facts.can.families !== "all";
}

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

/** A figure that another objective has. */
function foreignBest({ objective, bestBy }: Recipe): Contradiction[] {
  const facts = OBJECTIVES.find(objective.type);
  const choices = (one: ObjectiveFacts): string[] => [
    "loss",
    ...one.figures.flatMap(({ best }) => best?.by ?? []),
  ];
  if (!facts || choices(facts).includes(bestBy)) return [];
  const others = OBJECTIVES.all.filter((one) => choices(one).includes(bestBy));
  const names = others.map(({ name }) => name).join(" and ");
  const message = `bestBy ${bestBy} is for objective ${names}; choose ${choices(facts).join(" or ")}`;
  return [{ keys: ["bestBy"], message }];
}
