/** `retune merge A B … --method M`: the options of the common cases, as the configuration that they stand for. */
import path from "node:path";
import type { Where } from "../merge/models/request.ts";
import {
  type MergeConfig,
  type MergeParameters,
  mergeConfigSchema,
  methodNameSchema,
} from "../protocol/merge-config.ts";
import {
  MERGE_PARAMETERS,
  METHOD_NAMES,
  type MergeParameterName,
  type MethodName,
  methodWords,
} from "../protocol/merge-methods.ts";
import { InputError } from "../util/errors.ts";
import { parseDecimal } from "../util/parse-decimal.ts";

export const MODEL_OPTIONS = {
  method: { type: "string" },
  base: { type: "string" },
  weight: { type: "string", multiple: true },
  density: { type: "string", multiple: true },
  t: { type: "string" },
  lambda: { type: "string" },
  set: { type: "string", multiple: true },
  normalize: { type: "boolean" },
  "no-normalize": { type: "boolean" },
  rescale: { type: "boolean" },
  "no-rescale": { type: "boolean" },
  "evaluate-on": { type: "string" },
  dtype: { type: "string" },
} as const;

export interface ModelOptions {
  method?: string | undefined;
  base?: string | undefined;
  weight?: readonly string[] | undefined;
  density?: readonly string[] | undefined;
  t?: string | undefined;
  lambda?: string | undefined;
  /** NAME=VALUE, of the other parameters. */
  set?: readonly string[] | undefined;
  normalize?: boolean | undefined;
  "no-normalize"?: boolean | undefined;
  rescale?: boolean | undefined;
  "no-rescale"?: boolean | undefined;
  "evaluate-on"?: string | undefined;
  dtype?: string | undefined;
}

/** In messages, the option that said it. */
export const optionOf: Where = (keys) => {
  const name = keys.findLast((key) => typeof key === "string" && key !== "parameters");
  if (name === undefined || name === "models") return "retune merge";
  const options: Readonly<Record<string, string>> = {
    merge_method: "method",
    base_model: "base",
    out_dtype: "dtype",
    evaluate_on: "evaluate-on",
  };
  return `--${options[String(name)] ?? String(name)}`;
};

/** @throws InputError naming the option that is wrong */
export function configOf(models: readonly string[], options: ModelOptions): MergeConfig {
  const method = methodNameSchema.safeParse(options.method?.replaceAll("_", "-"));
  if (!method.success) {
    throw new InputError(
      `--method must be one of ${METHOD_NAMES.join(", ")}, found "${options.method ?? ""}"`,
    );
  }
  const dirs = models.map((model) => path.resolve(model));
  checkRead(method.data, options);
  const base = baseOf(method.data, dirs, options);
  const tuned = dirs.filter((dir) => dir !== base);
  const weights = perModel("weight", options.weight, tuned.length) ?? defaultWeights(method.data);
  const densities = perModel("density", options.density, tuned.length);
  const config = {
    merge_method: method.data,
    ...(base === undefined ? {} : { base_model: base }),
    models: tuned.map((model, index) => {
      const parameters: MergeParameters = {
        ...(weights ? { weight: weights[index % weights.length] } : {}),
        ...(densities ? { density: densities[index] } : {}),
      };
      return { model, ...(Object.keys(parameters).length > 0 ? { parameters } : {}) };
    }),
    parameters: sharedParameters(method.data, options),
    ...(options.dtype === undefined ? {} : { out_dtype: options.dtype }),
    ...(options["evaluate-on"] === undefined
      ? {}
      : { evaluate_on: path.resolve(options["evaluate-on"]) }),
  };
  const parsed = mergeConfigSchema.safeParse(config);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new InputError(`${optionOf(issue?.path ?? [])}: ${issue?.message}`);
}

function baseOf(
  method: MethodName,
  [first]: readonly string[],
  { base }: ModelOptions,
): string | undefined {
  // The first is the end at t = 0, as with "retune interpolate".
  if (base === undefined) return method === "slerp" ? first : undefined;
  if (methodWords(method).base !== "none") return path.resolve(base);
  throw new InputError(`--base: ${method} has no base; leave it out`);
}

/** @throws InputError for a parameter that the method does not read */
function checkRead(method: MethodName, options: ModelOptions): void {
  const names = Object.keys(methodWords(method).parameters);
  for (const [option, value] of Object.entries(options)) {
    const name = option.replace(/^no-/u, "");
    if (value === undefined || !(name in MERGE_PARAMETERS) || names.includes(name)) continue;
    const known = names.length > 0 ? `it reads ${names.join(", ")}` : "it reads none";
    throw new InputError(`--${option}: ${method} does not read ${name}; ${known}`);
  }
}

/** What the methods with weights take where none is given: as much of each. */
function defaultWeights(method: MethodName): (number | number[])[] | undefined {
  return methodWords(method).parameters.weight === undefined ? undefined : [1];
}

function sharedParameters(method: MethodName, options: ModelOptions): MergeParameters {
  const t = options.t === undefined ? undefined : gradient("t", options.t);
  const lambda = options.lambda === undefined ? undefined : gradient("lambda", options.lambda);
  const flag = (name: "normalize" | "rescale"): MergeParameters => {
    const [yes, no] = [options[name], options[`no-${name}`]];
    if (yes && no) throw new InputError(`--${name} and --no-${name} exclude each other`);
    return yes || no ? { [name]: Boolean(yes) } : {};
  };
  return {
    ...(t === undefined ? {} : { t }),
    ...(lambda === undefined ? {} : { lambda }),
    ...flag("normalize"),
    ...flag("rescale"),
    ...Object.assign({}, ...(options.set ?? []).map((text) => setParameter(method, text))),
  };
}

/** "gamma=0.02", "filter_wise=true". */
function setParameter(method: MethodName, text: string): MergeParameters {
  const [name = "", value = "", ...more] = text.split("=");
  const names = Object.keys(methodWords(method).parameters);
  if (!names.includes(name) || more.length > 0) {
    const known = names.length > 0 ? `it reads ${names.join(", ")}` : "it reads none";
    throw new InputError(`--set: ${method} has no parameter "${name}"; ${known}`);
  }
  if (MERGE_PARAMETERS[name as MergeParameterName].kind === "number") {
    return { [name]: gradient(`set ${name}`, value) };
  }
  if (value !== "true" && value !== "false") {
    throw new InputError(`--set ${name} must be true or false, found "${value}"`);
  }
  return { [name]: value === "true" };
}

/** One for each model in their order, or one for all. */
function perModel(
  name: "weight" | "density",
  texts: readonly string[] | undefined,
  count: number,
): (number | number[])[] | undefined {
  if (!texts) return undefined;
  const values = texts.map((text) => gradient(name, text));
  const [first] = values;
  if (values.length === 1 && first !== undefined) return Array.from({ length: count }, () => first);
  if (values.length === count) return values;
  throw new InputError(
    `--${name}: ${values.length} are given for ${count} models; give one for all, or one for each in their order`,
  );
}

/** "0.4", or "0,0.5,1" over the layers. */
function gradient(name: string, text: string): number | number[] {
  const values = text.split(",").map((part) => parseDecimal(part));
  if (!values.every((value) => value !== undefined)) {
    throw new InputError(
      `--${name} must be a number, or numbers with commas over the layers, found "${text}"`,
    );
  }
  const [first] = values;
  return values.length === 1 && first !== undefined ? first : values;
}
