/** Which number a parameter is for a tensor: by filter, by layer, and from the innermost place that says it. */
import { createHash } from "node:crypto";
import type { MergeParameters, Setting } from "../../protocol/merge-config.ts";
import {
  MERGE_PARAMETERS,
  type MergeParameterName,
  type MethodName,
  methodWords,
} from "../../protocol/merge-methods.ts";
import { InputError } from "../../util/errors.ts";
import type { Keys, Where } from "./request.ts";
import type { Flag, ModelNumber, SharedNumber, TensorParameters } from "../methods/method.ts";

/** A place that may say parameters. */
export interface Scope {
  parameters: MergeParameters | undefined;
  /** The way to its `parameters`. */
  keys: Keys;
  /** Whether it speaks of one model, not of all. */
  isOfModel?: boolean;
}

export interface ParameterScopes {
  method: MethodName;
  /** Each model's, from the innermost to the whole file's, and what the tensor is called there. */
  models: readonly { dir: string; tensor: string; scopes: readonly Scope[] }[];
  /** What is said for all models: the slice's and the file's. */
  shared: readonly Scope[];
  where: Where;
  seed: number;
}

export interface TensorPlace {
  /** In the output. */
  name: string;
  /** From 0 to 1 over the layers of the slice, 1 where it has one; 0 outside of layers, as in mergekit. */
  depth: number;
}

/** Weights whose sum is smaller can't be divided by. */
const MIN_WEIGHT_SUM = 1e-8;

/** @throws InputError naming the place of a number that is missing or out of its range */
export function tensorParameters(scopes: ParameterScopes, place: TensorPlace): TensorParameters {
  const { method, models, shared, where, seed } = scopes;
  const read = methodWords(method).parameters;
  const one = (name: MergeParameterName): number | boolean => {
    const fallback = read[name];
    if (fallback === undefined) return neutral(name);
    const found = valueOf(name, shared, place);
    if (found) return checked({ method, name, where }, found);
    if (fallback !== "needed") return fallback;
    throw new InputError(`${where(["parameters"])}: ${method} needs ${name}`);
  };
  const each = (name: ModelNumber): number[] =>
    models.map(({ dir, tensor, scopes: own }) => {
      const fallback = read[name];
      if (fallback === undefined) return 1;
      const found = valueOf(name, own, { ...place, name: tensor });
      if (found) return Number(checked({ method, name, where }, found));
      if (fallback !== "needed") return Number(fallback);
      const keys = own[0]?.keys.slice(0, -1) ?? [];
      throw new InputError(
        `${where(keys)}: ${dir} has no ${name}; ${method} needs one of each model`,
      );
    });
  const names = Object.keys(MERGE_PARAMETERS) as MergeParameterName[];
  const values = names.map((name): [string, number[] | number | boolean] => [
    name,
    MERGE_PARAMETERS[name].of === "each model" ? each(name as ModelNumber) : one(name),
  ]);
  const parameters: TensorParameters = {
    ...(Object.fromEntries(values) as Record<ModelNumber, number[]> &
      Record<SharedNumber, number> &
      Record<Flag, boolean>),
    keys: models.map((_, index) => maskKey(seed, place.name, index)),
  };
  checkSum(parameters, scopes, place);
  return parameters;
}

/** What changes nothing, for what a method does not read. */
function neutral(name: MergeParameterName): number | boolean {
  if (MERGE_PARAMETERS[name].kind === "flag") return false;
  return name === "t" ? 0 : 1;
}

/** A mean needs a sum to divide by; task vectors go without, as in mergekit. @throws InputError */
function checkSum(
  { weight, normalize, normalize_weights: isMean }: TensorParameters,
  { method, models, where }: ParameterScopes,
  { name }: TensorPlace,
): void {
  const isDivided = (method === "linear" && normalize) || isMean;
  const sum = weight.reduce((total, each) => total + each, 0);
  if (!isDivided || Math.abs(sum) >= MIN_WEIGHT_SUM || weight.length === 0) return;
  const setting = isMean ? "normalize_weights" : "normalize";
  throw new InputError(
    `${where(models[0]?.scopes[0]?.keys ?? [])}: the weights of ${name} are ${weight.join(", ")}: their sum is 0 and can't be normalised; change them, or set ${setting} to false`,
  );
}

/** Key of the generator, see dare-linear.ts. */
function maskKey(seed: number, name: string, index: number): [number, number] {
  const hash = createHash("sha256").update(`${seed}\0${name}\0${index}`).digest();
  return [hash.readUInt32LE(0), hash.readUInt32LE(4)];
}

interface Found {
  value: number | boolean;
  keys: Keys;
}

function valueOf(
  name: MergeParameterName,
  scopes: readonly Scope[],
  place: TensorPlace,
): Found | undefined {
  for (const { parameters, keys } of scopes) {
    const setting = parameters?.[name];
    const value = setting === undefined ? undefined : evaluate(setting, place);
    if (value !== undefined) return { value, keys: [...keys, name] };
  }
  return undefined;
}

function evaluate(setting: Setting, { name, depth }: TensorPlace): number | boolean | undefined {
  if (typeof setting === "number" || typeof setting === "boolean") return setting;
  const all = Array.isArray(setting) ? setting : [setting];
  const anchors = all.filter((one) => typeof one !== "object");
  if (anchors.length > 0) return interpolate(anchors, depth);
  for (const one of all) {
    if (typeof one !== "object") continue;
    const { filter = "*", value } = one;
    if (filter !== "*" && !name.includes(filter)) continue;
    return Array.isArray(value) ? interpolate(value, depth) : value;
  }
  return undefined;
}

/** Anchors evenly over 0 to 1, straight lines between; flags hold from one anchor to before the next. */
function interpolate(
  anchors: readonly (number | boolean)[],
  depth: number,
): number | boolean | undefined {
  const at = depth * (anchors.length - 1);
  const lower = Math.min(Math.floor(at), anchors.length - 1);
  const share = at - lower;
  const from = anchors[lower];
  const to = anchors[lower + 1];
  if (typeof from !== "number" || typeof to !== "number" || share === 0) return from;
  return (1 - share) * from + share * to;
}

const MAX_STEPS = 10_000;

/** mergekit's only ranges are those that its arithmetic has; a `t` beyond 0 and 1 goes on along the arc. */
function expectedOf(method: MethodName, name: MergeParameterName, value: number) {
  if (!Number.isFinite(value)) return "a number";
  const isStepCount = Number.isInteger(value) && value >= 0 && value <= MAX_STEPS;
  if (name === "max_iter" && !isStepCount) return `a whole number from 0 to ${MAX_STEPS}`;
  const least = methodWords(method).least?.[name] ?? -Infinity;
  return value < least ? `at least ${least}` : undefined;
}

function checked(
  { method, name, where }: { method: MethodName; name: MergeParameterName; where: Where },
  { value, keys }: Found,
): number | boolean {
  const expected = expectedOf(method, name, Number(value));
  if (expected === undefined) return value;
  throw new InputError(`${where(keys)}: ${name} must be ${expected}, found ${value}`);
}

/** Who writes 1.5 may mean 0.15. */
function densityNote(setting: Setting, place: string): string | undefined {
  const beyond = scalarsOf(setting).find((value) => Number(value) > 1);
  return beyond === undefined
    ? undefined
    : `${place}: density ${beyond} keeps all of the task vector, as 1 does`;
}

function scalarsOf(setting: Setting): readonly (number | boolean)[] {
  return [setting].flat().flatMap((one) => (typeof one === "object" ? one.value : one));
}

/** @returns lines to tell, for parameters that change nothing: mergekit reads no others of a method either */
export function parameterNotes(
  method: MethodName,
  scopes: readonly Scope[],
  where: Where,
): string[] {
  const notes: string[] = [];
  const read = methodWords(method).parameters;
  const names = Object.keys(read);
  for (const { parameters = {}, keys, isOfModel = false } of scopes) {
    for (const [name, value] of Object.entries(parameters)) {
      if (value === undefined) continue;
      const place = where([...keys, name]);
      if (name === "int8_mask") {
        notes.push(`${place}: int8_mask changes no result, and nothing here`);
      } else if (!names.includes(name)) {
        const known = names.length > 0 ? `it reads ${names.join(", ")}` : "it reads none";
        notes.push(
          `${place}: ${method} does not read ${name}, so that it changes nothing; ${known}`,
        );
      } else if (isOfModel && MERGE_PARAMETERS[name as MergeParameterName].of === "all") {
        notes.push(
          `${place}: ${name} is not of one model, so that it changes nothing here; set it in the file's parameters`,
        );
      } else if (name === "density") {
        const note = densityNote(value, place);
        if (note !== undefined) notes.push(note);
      }
    }
  }
  return notes;
}
