/** The recipe that "Start Run…" writes: short, complete, and a person can read it. */
import path from "node:path";
import { type RecipeInput } from "../../protocol/recipe.ts";
import { methodSchema, virtualTokensOf } from "../../protocol/methods.ts";
import { defaultLearningRate, defaultSchedule } from "../../runs/default-settings.ts";
import type { MethodChoice } from "./method-choices.ts";

export interface NewRecipe {
  name: string;
  /** Absolute paths. */
  base: string;
  data: string;
  method: MethodChoice["recipe"];
  /** Rows for evaluation; left out: a share of the training data is held out. */
  evalData?: string | undefined;
  /** Longest row that the base model takes, where that is known. */
  maxPositions?: number | undefined;
  /** The base's, where that is known. */
  parameters?: number | undefined;
  /** The training data's, where they were counted. */
  rows?: number | undefined;
  /** The folder that the recipe will lie in. */
  folder: string;
}

export const RECIPE_SUFFIX = ".retune.json";

const USUAL_MAX_LENGTH = 512;
/** Held out when there is no file for evaluation, so that every run shows whether it generalises. */
const EVAL_SPLIT = 0.1;

export function newRecipe(options: NewRecipe): RecipeInput {
  const { name, base, data, method, evalData, folder, maxPositions = USUAL_MAX_LENGTH } = options;
  const how = methodSchema.parse(method.method);
  const learningRate = defaultLearningRate(how, options.parameters);
  const schedule = defaultSchedule(how, options.rows);
  // Virtual tokens take positions too.
  const room = maxPositions - virtualTokensOf(how);
  return {
    name,
    base: relativePath(folder, base),
    ...method,
    data: {
      train: relativePath(folder, data),
      ...(evalData === undefined
        ? { evalSplit: EVAL_SPLIT }
        : { eval: relativePath(folder, evalData) }),
      maxLength: Math.min(USUAL_MAX_LENGTH, Math.max(room, 1)),
    },
    optimizer: { learningRate, schedule: "cosine", warmupSteps: 10 },
    ...schedule,
    seed: 42,
  };
}

export function recipeText(recipe: RecipeInput): string {
  const json = JSON.stringify(recipe, null, 2);
  return `// Every setting completes and explains itself: type a quote, or hover over a name.\n${json}\n`;
}

/** Relative with "/" where the recipe can travel with its files, absolute where it can't. */
function relativePath(folder: string, target: string): string {
  const relative = path.relative(folder, target);
  if (relative === "" || relative.startsWith("..") || path.isAbsolute(relative)) return target;
  return relative.split(path.sep).join("/");
}
