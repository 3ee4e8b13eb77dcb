/** recipe.json of a run, whichever engine and version wrote it. */
import path from "node:path";
import type * as z from "zod";
import { ENGINE_FACTS } from "../protocol/engines.ts";
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

/** The first few of a long list say enough. */
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
  const { issues } = parsed.error;
  const shown = foreignRecipeSchema.parse(json);
  const { engine } = shown;
  if (engine !== undefined && ENGINE_FACTS.find(engine) === undefined) {
    // The keys that it takes, and what it takes there, are its own affair.
    const words = issues.filter(({ path: [key] }) => key === "method" || key === "objective");
    const told = words.flatMap((issue) => unknownWord(json, issue) ?? []);
    const reason = reasonOf([`engine ${JSON.stringify(engine)}`, ...told]);
    return { foreign: { ...shown, reason, unknown: json } };
  }
  return partlyKnown(json, { file, issues, shown });
}

type Issue = z.core.$ZodIssue;

/** @throws InputError, as parseRunRecipe */
function partlyKnown(
  json: JsonObject,
  {
    file,
    issues,
    shown,
  }: { file: string; issues: readonly Issue[]; shown: z.output<typeof foreignRecipeSchema> },
): RunRecipe {
  const version = shown.source?.retuneVersion;
  const isNewer = version !== undefined && isAfter(version, RETUNE_VERSION);
  const keys = unknownKeys(json, issues);
  const words = issues.flatMap((issue) => unknownWord(json, issue) ?? []);
  const wrong = issues.filter((issue) => isWrong(json, issue));
  if (wrong.length > 0 && !isNewer)
    throw new InputError(`${file}: ${issueText({ issues: wrong })}`);
  const told = [...words, ...keys.map(([key]) => key)];
  const others = issues.map((issue) => issue.path.join("."));
  const reason = reasonOf(told.length > 0 ? told : others, isNewer ? version : undefined);
  const known = words.length + wrong.length === 0 ? withoutKeys(json, issues) : undefined;
  const recipe = known && resolvedRecipeSchema.safeParse(known).data;
  if (!recipe) return { foreign: { ...shown, reason, unknown: json } };
  return { recipe, foreign: { ...shown, reason, unknown: Object.fromEntries(keys) } };
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

/** @param newer the version that wrote it, where that is newer than this one */
function reasonOf(unknown: readonly string[], newer?: string): string {
  const more = unknown.length > MAX_TOLD ? ` and ${unknown.length - MAX_TOLD} more` : "";
  const by = newer === undefined ? "" : ` as Retune ${newer} wrote it`;
  const told = `${unknown.slice(0, MAX_TOLD).join(", ")}${more}`;
  return `Retune ${RETUNE_VERSION} does not know ${told}${by}`;
}

/** `method "moe"`; undefined for another kind of issue, or for a value that is no word at all. */
function unknownWord(json: JsonObject, issue: Issue): string | undefined {
  if (issue.code !== "invalid_value" && issue.code !== "invalid_union") return undefined;
  const found = valueAt(json, issue.path);
  const word = isJsonObject(found) ? found["type"] : found;
  const place = issue.path.join(".").replace(/\.type$/u, "");
  return typeof word === "string" ? `${place} ${JSON.stringify(word)}` : undefined;
}

/** A value that no other version explains, as that of a known key which is no number any more. */
function isWrong(json: JsonObject, issue: Issue): boolean {
  // An option of the engine that is not known stands among its unknown keys too.
  const isOption = issue.code === "custom" && issue.path[0] === "engine";
  return issue.code !== "unrecognized_keys" && !isOption && unknownWord(json, issue) === undefined;
}

function valueAt(json: unknown, keys: readonly PropertyKey[]): unknown {
  return keys.reduce<unknown>((value, key) => (Object(value) as JsonObject)[String(key)], json);
}

function withoutKeys(json: JsonObject, issues: readonly Issue[]): JsonObject {
  const known = structuredClone(json);
  for (const issue of issues) {
    if (issue.code !== "unrecognized_keys") continue;
    const place = valueAt(known, issue.path);
    for (const key of issue.keys) Reflect.deleteProperty(Object(place), key);
  }
  return known;
}

function unknownKeys(json: JsonObject, issues: readonly Issue[]): [name: string, value: unknown][] {
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
