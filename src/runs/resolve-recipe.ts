/** From the recipe a person wrote to one in which nothing is left open. */
import { access, stat } from "node:fs/promises";
import path from "node:path";
import { getNodeValue } from "jsonc-parser";
import type * as z from "zod";
import type { Contradiction } from "../protocol/contradiction.ts";
import { contradictionsIn } from "../protocol/contradictions.ts";
import type { EngineFacts } from "../protocol/engine-facts.ts";
import { engineFactsOf } from "../protocol/engine-keys.ts";
import { ENGINE_FACTS } from "../protocol/engines.ts";
import {
  type Recipe,
  type ResolvedRecipe,
  recipeSchema,
  recipeSchemaOf,
} from "../protocol/recipe.ts";
import { virtualTokensOf } from "../protocol/methods.ts";
import { objectiveFacts } from "../protocol/objectives.ts";
import { InputError } from "../util/errors.ts";
import { readJsonTextIfThere } from "../util/json.ts";
import { parseJsonc } from "../util/jsonc.ts";
import { defaultHeadRate, defaultLearningRate } from "./default-settings.ts";
import { baseContradictions } from "./base-contradictions.ts";
import { type LineOf, lineFinder } from "./recipe-lines.ts";
import { RETUNE_VERSION } from "../util/version.ts";

type Optimizer = Recipe["optimizer"];

/**
 * @returns the recipe with absolute paths and every default filled in
 * @throws InputError naming file, line and key: a syntax error, an unknown key, a wrong type, or a
 *   base or data path that does not exist
 */
export async function resolveRecipe(recipeFile: string): Promise<ResolvedRecipe> {
  const file = path.resolve(recipeFile);
  const info = await stat(file).catch(() => undefined);
  if (info?.isDirectory()) throw new InputError(`recipe ${file} is a folder`);
  const text = await readJsonTextIfThere(file);
  if (text === undefined) throw new InputError(`recipe ${file} does not exist`);
  const { recipe, lineOf } = parseRecipe(text, file);
  const absolute = (each: string): string => path.resolve(path.dirname(file), each);
  const data = { ...recipe.data, train: absolute(recipe.data.train) };
  if (recipe.data.eval !== undefined) data.eval = absolute(recipe.data.eval);
  const resolved: ResolvedRecipe = {
    ...recipe,
    name: recipe.name ?? path.basename(file).replace(/(\.retune)?\.jsonc?$/u, ""),
    base: absolute(recipe.base),
    data,
    optimizer: {
      ...recipe.optimizer,
      learningRate: recipe.optimizer.learningRate ?? defaultLearningRate(recipe.method),
      ...ratesOfParts(recipe),
    },
    source: {
      recipePath: file,
      retuneVersion: RETUNE_VERSION,
      createdAt: new Date().toISOString(),
    },
  };
  await checkPaths(resolved, file, lineOf);
  const [contradiction] = await baseContradictions(resolved, resolved.base);
  if (contradiction) throw contradicted(contradiction, file, lineOf);
  return resolved;
}

/** Virtual tokens need steps in which a head that is trained beside them never settles. */
function ratesOfParts({ method, objective, optimizer }: Recipe): Pick<Optimizer, "learningRates"> {
  const { newHead } = objectiveFacts(objective);
  if (virtualTokensOf(method) === 0 || newHead === undefined) return {};
  // The last pattern that matches counts: the recipe's own come after.
  return {
    learningRates: { [newHead]: defaultHeadRate(), ...optimizer.learningRates },
  };
}

/** @throws InputError */
function parseRecipe(text: string, file: string): { recipe: Recipe; lineOf: LineOf } {
  const root = parseJsonc(text, file);
  const lineOf = lineFinder(root, text);
  const written: unknown = getNodeValue(root);
  const parsed = recipeSchema.safeParse(written);
  if (!parsed.success) {
    const { place, message } = describeIssue(parsed.error, engineFactsOf(written));
    throw new InputError(`${file}:${lineOf(place)}: ${message}`);
  }
  const [contradiction] = contradictionsIn(parsed.data);
  if (contradiction) throw contradicted(contradiction, file, lineOf);
  return { recipe: parsed.data, lineOf };
}

function contradicted({ keys, message }: Contradiction, file: string, lineOf: LineOf): InputError {
  return new InputError(`${file}:${lineOf(keys)}: ${message}`);
}

function describeIssue(
  { issues: [issue] }: z.ZodError,
  engine: EngineFacts,
): { place: readonly PropertyKey[]; message: string } {
  if (!issue) return { place: [], message: "not a recipe" };
  if (issue.code !== "unrecognized_keys") {
    const name = issue.path.join(".") || "the recipe";
    return { place: issue.path, message: `${name}: ${lowerFirst(issue.message)}` };
  }
  const [key = ""] = issue.keys;
  const place = [...issue.path, key];
  const owner = ENGINE_FACTS.all.find((each) => place.length === 1 && key in each.options);
  const remedy = owner
    ? `: it is an option of engine ${owner.name}`
    : suggest(key, issue.path, engine);
  return { place, message: `${place.join(".")} is not a known key${remedy}` };
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** The known key nearest to a misspelt one. */
function suggest(key: string, place: readonly PropertyKey[], engine: EngineFacts): string {
  const known = knownKeys(place, engine);
  const [best] = known
    .map((name) => ({ name, distance: editDistance(key.toLowerCase(), name.toLowerCase()) }))
    .filter(({ distance }) => distance <= 2)
    .toSorted((a, b) => a.distance - b.distance);
  if (best) return `; did you mean ${best.name}?`;
  return known.length > 0 ? `; known: ${known.join(", ")}` : "";
}

/** Keys the schema knows at a place: plain objects are walked, unions and wrappers looked through. */
function knownKeys(place: readonly PropertyKey[], engine: EngineFacts): string[] {
  let schemas: unknown[] = [recipeSchemaOf(engine)];
  for (const key of place)
    schemas = schemas.flatMap((each) => shapesOf(each).map((s) => s[key as string]));
  return [...new Set(schemas.flatMap((each) => shapesOf(each).flatMap(Object.keys)))];
}

function shapesOf(schema: unknown): Record<string, unknown>[] {
  if (typeof schema !== "object" || schema === null) return [];
  if ("shape" in schema) return [schema.shape as Record<string, unknown>];
  const { def = {} } = schema as {
    def?: { options?: unknown[]; innerType?: unknown; getter?: () => unknown };
  };
  return [...(def.options ?? []), def.innerType, def.getter?.()].flatMap(shapesOf);
}

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

async function checkPaths(recipe: ResolvedRecipe, file: string, lineOf: LineOf): Promise<void> {
  const paths: [string, readonly string[], string | undefined][] = [
    ["base model", ["base"], recipe.base],
    ["training data", ["data", "train"], recipe.data.train],
    ["evaluation data", ["data", "eval"], recipe.data.eval],
  ];
  for (const [what, keys, each] of paths) {
    if (each === undefined) continue;
    await access(each).catch(() => {
      throw new InputError(
        `${file}:${lineOf(keys)}: ${what} ${each} does not exist; paths are relative to the recipe`,
      );
    });
  }
}
