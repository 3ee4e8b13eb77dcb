/** recipe.json of a run, whichever engine and version wrote it. */
import path from "node:path";
import type * as z from "zod";
import { type ForeignRecipe, foreignRecipeSchema } from "../protocol/foreign-recipe.ts";
import { type ResolvedRecipe, resolvedRecipeSchema } from "../protocol/recipe.ts";
import { RUN_FILES } from "../protocol/run-folder.ts";
import { InputError } from "../util/errors.ts";
import {
  type JsonObject,
  checkJson,
  isJsonObject,
  issueText,
  readJsonIfThere,
} from "../util/json.ts";
import { RETUNE_VERSION } from "../util/version.ts";

export interface RunRecipe {
  /** Missing where this version does not know the engine, the method or another word of it. */
  recipe?: ResolvedRecipe;
  /** Set where this version must not go on with the run. Beside `recipe`: that holds all but unknown keys. */
  foreign?: ForeignRecipe;
}

/** Of a long list the first few say enough. */
const MAX_TOLD = 3;

/**
 * @param file for messages
 * @throws InputError naming file and key: a known key's value is wrong, and no engine or version that is
 *   unknown here explains it
 */
export function parseRunRecipe(json: unknown, file: string): RunRecipe {
  const parsed = resolvedRecipeSchema.safeParse(json);
  if (parsed.success) return { recipe: parsed.data };
  if (!isJsonObject(json)) return { recipe: checkJson(json, resolvedRecipeSchema, file) };
  const shown = foreignRecipeSchema.parse(json);
  const { issues } = parsed.error;
  const told = issues.map((issue) => unknownIn(json, issue));
  const version = shown.source?.retuneVersion;
  const isNewer = version !== undefined && isAfter(version, RETUNE_VERSION);
  const isElsewhere = issues.some(({ path: [key] }, at) => key === "engine" && told[at]);
  const wrong = issues.filter((_, at) => told[at] === undefined);
  if (wrong.length > 0 && !isNewer && !isElsewhere) {
    throw new InputError(`${file}: ${issueText({ issues: wrong })}`);
  }
  const known = wrong.length === 0 ? withoutUnknownKeys(json, issues) : undefined;
  const recipe = known && resolvedRecipeSchema.safeParse(known).data;
  return {
    ...(recipe ? { recipe } : {}),
    foreign: {
      ...shown,
      reason: reasonOf(
        told.flatMap((each) => each ?? []),
        wrong,
        isNewer ? version : undefined,
      ),
      unknown: recipe ? Object.fromEntries(unknownKeys(json, issues)) : json,
    },
  };
}

/**
 * What only an engine of this version can use.
 * @throws InputError naming file and key, or what of it this version does not know
 */
export async function readRunRecipe(runDir: string): Promise<ResolvedRecipe> {
  const file = path.join(runDir, RUN_FILES.recipe);
  const json = await readJsonIfThere(file);
  if (!json) throw new InputError(`${file} does not exist: not a run folder`);
  const { recipe, foreign } = parseRunRecipe(json.value, file);
  if (recipe && !foreign) return recipe;
  throw new InputError(`${file}: ${foreign?.reason}; it can be shown, but not trained here`);
}

function reasonOf(
  unknown: readonly string[],
  wrong: readonly z.core.$ZodIssue[],
  newer: string | undefined,
): string {
  const all = unknown.length > 0 ? unknown : wrong.map((issue) => issue.path.join("."));
  const more = all.length > MAX_TOLD ? ` and ${all.length - MAX_TOLD} more` : "";
  const told = `${all.slice(0, MAX_TOLD).join(", ")}${more}`;
  const by = newer === undefined ? "" : ` as Retune ${newer} wrote it`;
  return `Retune ${RETUNE_VERSION} does not know ${told}${by}`;
}

/** `engine "cloud"`, `optimizer.lookahead`; undefined where a known key's value is wrong. */
function unknownIn(json: JsonObject, issue: z.core.$ZodIssue): string | undefined {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => [...issue.path, key].join(".")).join(", ");
  }
  const place = issue.path.join(".").replace(/\.type$/u, "");
  // An engine's own options are its own affair.
  if (issue.code === "custom") return issue.path[0] === "engine" ? place : undefined;
  if (issue.code !== "invalid_value" && issue.code !== "invalid_union") return undefined;
  const found = valueAt(json, issue.path);
  const word = isJsonObject(found) ? found["type"] : found;
  return typeof word === "string" ? `${place} ${JSON.stringify(word)}` : undefined;
}

function valueAt(json: unknown, keys: readonly PropertyKey[]): unknown {
  return keys.reduce<unknown>((value, key) => (Object(value) as JsonObject)[String(key)], json);
}

/** Undefined where more is unknown than single keys. */
function withoutUnknownKeys(
  json: JsonObject,
  issues: readonly z.core.$ZodIssue[],
): JsonObject | undefined {
  const known = structuredClone(json);
  for (const issue of issues) {
    if (issue.code !== "unrecognized_keys") return undefined;
    const place = valueAt(known, issue.path);
    for (const key of issue.keys) Reflect.deleteProperty(Object(place), key);
  }
  return known;
}

function unknownKeys(
  json: JsonObject,
  issues: readonly z.core.$ZodIssue[],
): [name: string, value: unknown][] {
  return issues.flatMap((issue) =>
    issue.code === "unrecognized_keys"
      ? issue.keys.map((key): [string, unknown] => {
          const keys = [...issue.path, key];
          return [keys.join("."), valueAt(json, keys)];
        })
      : [],
  );
}

function isAfter(version: string, other: string): boolean {
  return version.localeCompare(other, "en", { numeric: true }) > 0;
}
