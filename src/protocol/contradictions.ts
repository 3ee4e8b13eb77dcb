/**
 * Parts of a recipe that exclude each other, which no schema of single keys can see. One list for the editor, the command
 * line and the training process, so that none lets pass what another refuses.
 */
import { InputError } from "../util/errors.ts";
import { targetMatcher } from "../util/module-pattern.ts";
import { pythonPattern } from "../util/python-pattern.ts";
import { tensorPattern } from "../util/tensor-patterns.ts";
import { type Contradicting, type Contradiction, contradictionOf } from "./contradiction.ts";
import { LORA_TARGETS_ALL_LINEAR, type Method, PISSA_GOES_WITH, type Recipe } from "./recipe.ts";
import { engineName, inWords, isAble } from "./engine-facts.ts";
import { ENGINE_FACTS } from "./engines.ts";
import { LAYER_KEYS, type SharedRecipe } from "./recipe-keys.ts";

/** What is true of every recipe, then what its method, its objective and its engine say. */
export function contradictionsIn(recipe: Recipe): Contradiction[] {
  const own = NAMED.flatMap((find) => find(recipe)?.contradictions?.(recipe) ?? []);
  return [
    ...ofEvery(recipe),
    ...beyondEngine(recipe),
    ...own,
    ...ofMethod(recipe),
    ...ofObjective(recipe),
  ];
}

/** @throws InputError with the first one */
export function refuseContradictions(recipe: Recipe): void {
  const [first] = contradictionsIn(recipe);
  if (first) throw new InputError(first.message);
}

/** How a recipe names the members that have a word on it: a registry of methods or objectives joins here. */
const NAMED: readonly ((recipe: Recipe) => Contradicting | undefined)[] = [
  ({ engine }) => ENGINE_FACTS.find(engineName(engine)),
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

function ofMethod(recipe: Recipe): Contradiction[] {
  const { method } = recipe;
  const choices = (Object.keys(LAYER_KEYS) as (keyof typeof LAYER_KEYS)[]).filter(
    (key) => recipe[key] !== undefined,
  );
  if (method.type === "full") {
    return choices.slice(0, 1).map((key) => ({
      keys: [key],
      message: `${key} contradicts method full, which trains everything; choose method freeze`,
    }));
  }
  if (method.type === "freeze" && choices.length === 0) {
    const message = "method freeze needs freeze, trainFirst or trainLast to say what is trained";
    return [{ keys: ["method"], message }];
  }
  if (
    method.type === "prompt-tuning" &&
    (method.init === "text") !== (method.initText !== undefined)
  ) {
    const message = 'method.init "text" and method.initText need each other';
    return [{ keys: ["method", "init"], message }];
  }
  if (method.type === "lora") return ofLora(method, recipe);
  return method.type === "ia3" ? targetsContradiction(method.targets) : [];
}

function ofLora(
  method: Extract<Method, { type: "lora" }>,
  { quantization }: Recipe,
): Contradiction[] {
  const { init, variant, dropout, modulesToSave, targets, rankPattern, alphaPattern } = method;
  // Embeddings and the head stay as they are; other targets are known when the base is.
  const needsQuantised = quantization !== "none" && targets === LORA_TARGETS_ALL_LINEAR;
  const found: Contradiction[] = [];
  if (init === "pissa" && (variant === "dora" || dropout > 0 || modulesToSave)) {
    found.push({ keys: ["method", "init"], message: PISSA_GOES_WITH });
  }
  if (init === "pissa" && needsQuantised) {
    const message = 'method.init "pissa" needs the weights as they are; leave quantization out';
    found.push({ keys: ["quantization"], message });
  }
  if (variant === "dora" && needsQuantised) {
    const message = "DoRA needs the weights as they are; leave quantization out";
    found.push({ keys: ["quantization"], message });
  }
  const patterns = Object.entries({ rankPattern, alphaPattern }).flatMap(([key, each = {}]) =>
    Object.keys(each).map((pattern) => ({ key, pattern })),
  );
  return [
    ...found,
    ...targetsContradiction(targets),
    ...patterns.flatMap(({ key, pattern }) =>
      contradictionOf(["method", key, pattern], () => pythonPattern(pattern, `method.${key}`)),
    ),
  ];
}

/** A text is an expression over whole module paths. */
function targetsContradiction(targets: readonly string[] | string): Contradiction[] {
  if (targets === LORA_TARGETS_ALL_LINEAR) return [];
  return contradictionOf(["method", "targets"], () => targetMatcher(targets));
}

function ofObjective({ objective, method, bestBy }: Recipe): Contradiction[] {
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
  if (method.type === "head" && !isClassification) {
    const message = "method head trains a classification head; choose objective classification";
    found.push({ keys: ["method"], message });
  }
  if (isClassification && objective.probe && method.type === "head") {
    const message = "objective.probe and method head train the same head; keep one";
    found.push({ keys: ["objective", "probe"], message });
  }
  return found;
}
