/** Which number a parameter is for a tensor: by filter, by layer, and from the innermost place that says it. */
import { createHash } from "node:crypto";
import type { MergeParameters, MethodName, Setting } from "../protocol/merge-config.ts";
import { InputError } from "../util/errors.ts";
import type { Keys, Where } from "./merge-request.ts";
import type { ParameterName, TensorParameters } from "./methods/method.ts";
import { METHODS } from "./methods/registry.ts";

/** A place that may say parameters. */
export interface Scope {
  parameters: MergeParameters | undefined;
  /** Of its `parameters`. */
  keys: Keys;
  /** Of one model, not of all. */
  isOfModel?: boolean;
}

export interface ParameterScopes {
  method: MethodName;
  /** Of each model, from the innermost to the whole file's. */
  models: readonly { dir: string; scopes: readonly Scope[] }[];
  /** What is said for all models: the slice's and the file's. */
  shared: readonly Scope[];
  where: Where;
  seed: number;
}

export interface TensorPlace {
  /** In the output. */
  name: string;
  /** In the models: what filters are compared with. */
  sourceName: string;
  /** From 0 to 1 over the layers of the slice; 0 outside of layers, as in mergekit. */
  depth: number;
}

/** Weights whose sum is smaller can't be normalised. */
const MIN_WEIGHT_SUM = 1e-8;

/** @throws InputError naming the place of a number that is missing or out of its range */
export function tensorParameters(scopes: ParameterScopes, place: TensorPlace): TensorParameters {
  const { method, models, shared, where, seed } = scopes;
  const { parameters: read, defaults } = METHODS[method];
  const uses = (name: ParameterName): boolean => read.includes(name);
  const single = (name: "t" | "scale" | "lambda", fallback?: number): number => {
    if (!uses(name)) return fallback ?? 0;
    const found = numberOf(name, models.length === 1 ? models[0]!.scopes : shared, place);
    if (found) return checked(name, found, where);
    if (fallback !== undefined) return fallback;
    throw new InputError(`${where(["parameters"])}: ${method} needs ${name}`);
  };
  const each = (name: "weight" | "density"): number[] =>
    models.map(({ dir, scopes: own }) => {
      if (!uses(name)) return 1;
      const found = numberOf(name, own, place);
      if (found) return checked(name, found, where);
      if (name === "density") return 1;
      const keys = own[0]?.keys.slice(0, -1) ?? [];
      throw new InputError(
        `${where(keys)}: ${dir} has no weight; ${method} needs one of each model`,
      );
    });
  const flag = (name: "normalize" | "rescale"): boolean =>
    shared.find(({ parameters }) => parameters?.[name] !== undefined)?.parameters?.[name] ??
    defaults[name];
  const parameters: TensorParameters = {
    weight: each("weight"),
    density: each("density"),
    t: single("t", uses("t") ? undefined : 0),
    scale: single("scale", 1),
    lambda: single("lambda", 1),
    normalize: flag("normalize"),
    rescale: flag("rescale"),
    keys: models.map((_, index) => maskKey(seed, place.name, index)),
  };
  const sum = parameters.weight.reduce((total, weight) => total + weight, 0);
  if (uses("weight") && parameters.normalize && Math.abs(sum) < MIN_WEIGHT_SUM) {
    const list = parameters.weight.join(", ");
    throw new InputError(
      `${where(models[0]?.scopes[0]?.keys ?? [])}: the weights of ${place.name} are ${list}: their sum is 0 and can't be normalised; change them, or set normalize to false`,
    );
  }
  return parameters;
}

/** Key of the generator, see dare-linear.ts. */
function maskKey(seed: number, name: string, index: number): [number, number] {
  const hash = createHash("sha256").update(`${seed}\0${name}\0${index}`).digest();
  return [hash.readUInt32LE(0), hash.readUInt32LE(4)];
}

interface Found {
  value: number;
  keys: Keys;
}

function numberOf(
  name: Exclude<ParameterName, "normalize" | "rescale">,
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

function evaluate(setting: Setting, { sourceName, depth }: TensorPlace): number | undefined {
  if (typeof setting === "number") return setting;
  const numbers = setting.filter((one) => typeof one === "number");
  if (numbers.length > 0) return interpolate(numbers, depth);
  for (const one of setting) {
    if (typeof one === "number") continue;
    const { filter = "*", value } = one;
    if (filter !== "*" && !sourceName.includes(filter)) continue;
    return typeof value === "number" ? value : interpolate(value, depth);
  }
  return undefined;
}

/** Anchors evenly over 0 to 1, straight lines between. */
function interpolate(anchors: readonly number[], depth: number): number {
  const at = depth * (anchors.length - 1);
  const lower = Math.min(Math.floor(at), anchors.length - 1);
  const share = at - lower;
  const [from = 0, to = from] = [anchors[lower], anchors[lower + 1]];
  return share === 0 ? from : (1 - share) * from + share * to;
}

const RANGES: Partial<Record<ParameterName, { isFine: (value: number) => boolean; text: string }>> =
  {
    t: { isFine: (value) => value >= 0 && value <= 1, text: "from 0 to 1" },
    density: { isFine: (value) => value > 0 && value <= 1, text: "above 0 and at most 1" },
  };

function checked(name: ParameterName, { value, keys }: Found, where: Where): number {
  const range = RANGES[name];
  if (!range || range.isFine(value)) return value;
  throw new InputError(`${where(keys)}: ${name} must be ${range.text}, found ${value}`);
}

/**
 * @returns lines to tell, for parameters that change nothing
 * @throws InputError for one that the method does not read
 */
export function checkParameterNames(
  method: MethodName,
  scopes: readonly Scope[],
  where: Where,
): string[] {
  const notes: string[] = [];
  const { parameters: read } = METHODS[method];
  for (const { parameters = {}, keys, isOfModel = false } of scopes) {
    for (const [name, value] of Object.entries(parameters)) {
      if (value === undefined) continue;
      const place = where([...keys, name]);
      const isRead = (read as readonly string[]).includes(name);
      if (isRead && isOfModel && !isPerModel(method, name)) {
        throw new InputError(
          `${place}: ${name} is not of one model; set it in the file's parameters`,
        );
      }
      if (isRead) continue;
      if (name !== "int8_mask") {
        const known = read.length > 0 ? `it reads ${read.join(", ")}` : "it reads none";
        throw new InputError(`${place}: ${method} does not read ${name}; ${known}`);
      }
      notes.push(`${place}: int8_mask changes no result, and nothing here`);
    }
  }
  return notes;
}

function isPerModel(method: MethodName, name: string): boolean {
  if (name === "weight" || name === "density") return true;
  return METHODS[method].models.max === 1 && (name === "t" || name === "scale");
}
