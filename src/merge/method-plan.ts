/** From a configuration to the tensors of the merged model: where each comes from, and with which numbers. */
import type { MergeConfig, MethodName } from "../protocol/merge-config.ts";
import { InputError } from "../util/errors.ts";
import { blockOf } from "../util/tensor-patterns.ts";
import { DTYPE_BYTES, type FloatDType, isFloatDType } from "../weights/dtype.ts";
import type { TensorInfo } from "../weights/safetensors.ts";
import { type OpenedModel, refuseProblems, tensorProblem } from "./alike.ts";
import type { Keys, MergeRequest, Where } from "./merge-request.ts";
import { METHODS } from "./methods/registry.ts";
import { type Scope, checkParameterNames, tensorParameters } from "./tensor-parameters.ts";
import type { TensorJob } from "./tensor-job.ts";

export interface PlannedTensor {
  name: string;
  shape: readonly number[];
  dtype: FloatDType;
  /** Of the reference model's file that has it; undefined where layers are rearranged. */
  file: string | undefined;
  job: Omit<TensorJob, "output">;
}

export interface MethodPlan {
  method: MethodName;
  /** The base, or the first model: config and tokenizer come from it. */
  reference: OpenedModel;
  tensors: readonly PlannedTensor[];
  /** For each layer of the output its number in the reference, where layers are rearranged. */
  layers: readonly number[] | undefined;
  /** Lines to tell. */
  notes: readonly string[];
}

interface Source {
  model: OpenedModel;
  firstLayer: number;
  /** Of this model alone. */
  scope: Scope;
}

interface Slice {
  base: Source | undefined;
  models: readonly Source[];
  layers: number;
  shared: readonly Scope[];
}

const DTYPES = { float32: "F32", float16: "F16", bfloat16: "BF16" } as const;
const LAYER = /((?:^|\.)(?:layers|layer|h|blocks)\.)\d+(?=\.|$)/u;
/** What stands before the layers; last norm and head stand behind them. */
const BEFORE_LAYERS = /embed|wte|wpe/u;

/**
 * @param models every model of the configuration, by its folder
 * @throws InputError naming the place in the configuration, or the tensors that do not fit
 */
export function planMethodMerge(
  request: MergeRequest,
  models: ReadonlyMap<string, OpenedModel>,
): MethodPlan {
  const { config, where } = request;
  const slices = slicesOf(request, models);
  const scopes = slices.flatMap((slice) => [
    ...slice.models.map(({ scope }) => scope),
    ...slice.shared,
  ]);
  const notes = checkParameterNames(config.merge_method, [...new Set(scopes)], where);
  for (const { base } of slices) {
    if (!base?.scope.parameters) continue;
    notes.push(`${where(base.scope.keys)}: parameters of the base change nothing`);
  }
  const [first] = slices;
  const named = config.base_model === undefined ? undefined : models.get(config.base_model);
  const reference = named ?? first?.models[0]?.model;
  if (!first || !reference) throw new InputError(`${where([])}: no model is given`);
  const planned = { method: config.merge_method, reference, notes: [...new Set(notes)] };
  if (config.models) {
    const tensors = [...reference.tensors.values()].map((info) =>
      plan(request, first, { from: info.name, layer: blockOf(info.name), own: info }),
    );
    return { ...planned, tensors, layers: undefined };
  }
  return {
    ...planned,
    tensors: rearranged(request, slices),
    layers: slices.flatMap(({ base, models: [model], layers }) =>
      Array.from({ length: layers }, (_, i) => (base ?? model)!.firstLayer + i),
    ),
  };
}

function slicesOf(request: MergeRequest, models: ReadonlyMap<string, OpenedModel>): Slice[] {
  const { config, where } = request;
  if (Boolean(config.models) === Boolean(config.slices)) {
    throw new InputError(`${where([])}: give either models or slices`);
  }
  const file: Scope = { parameters: config.parameters, keys: ["parameters"] };
  if (config.models) {
    const sources = config.models.map(({ model, parameters }, i): Source => {
      const scope = { parameters, keys: ["models", i, "parameters"], isOfModel: true };
      return { model: models.get(model)!, firstLayer: 0, scope };
    });
    const base = config.base_model === undefined ? undefined : models.get(config.base_model);
    const [first] = sources;
    const slice = { layers: layerCount(first!.model), shared: [file] };
    return [split(sources, { slice, base, config, where, keys: ["models"] })];
  }
  return (config.slices ?? []).map(({ sources, parameters }, i) => {
    const keys = ["slices", i];
    const opened = sources.map(({ model, layer_range: [from, end], ...own }, j): Source => {
      const place = [...keys, "sources", j];
      checkRange([from, end], models.get(model)!, where([...place, "layer_range"]));
      const scope = { ...own, parameters: own.parameters, keys: [...place, "parameters"] };
      return { model: models.get(model)!, firstLayer: from, scope: { ...scope, isOfModel: true } };
    });
    const counts = new Set(sources.map(({ layer_range: [from, end] }) => end - from));
    if (counts.size > 1) {
      throw new InputError(
        `${where(keys)}: the sources of a slice have ${[...counts].join(" and ")} layers; give all as many`,
      );
    }
    const [layers = 0] = counts;
    const slice = { layers, shared: [{ parameters, keys: [...keys, "parameters"] }, file] };
    return split(opened, { slice, base: undefined, config, where, keys });
  });
}

function layerCount({ tensors }: OpenedModel): number {
  return Math.max(-1, ...[...tensors.keys()].map((name) => blockOf(name) ?? -1)) + 1;
}

function checkRange(
  [from, end]: readonly [number, number],
  model: OpenedModel,
  place: string,
): void {
  const count = layerCount(model);
  if (from < end && end <= count) return;
  throw new InputError(
    `${place}: layer_range [${from}, ${end}] is not within the ${count} layers of ${model.dir}; the last one possible is [${count - 1}, ${count}]`,
  );
}

/** Base and models apart, as the method wants them. */
function split(
  sources: readonly Source[],
  {
    slice,
    base,
    config,
    where,
    keys,
  }: {
    slice: Pick<Slice, "layers" | "shared">;
    /** Used where the sources have none. */
    base: OpenedModel | undefined;
    config: MergeConfig;
    where: Where;
    keys: Keys;
  },
): Slice {
  const { merge_method: name, base_model } = config;
  const method = METHODS[name];
  const isBase = ({ model }: Source): boolean =>
    method.base === "needed" && model.dir === base_model;
  const listed = sources.find(isBase);
  const outside: Source | undefined = base && {
    model: base,
    firstLayer: 0,
    scope: { parameters: undefined, keys: ["base_model"] },
  };
  const models = sources.filter((source) => !isBase(source));
  const found = method.base === "needed" ? (listed ?? outside) : undefined;
  if (method.base === "needed" && !found) {
    throw new InputError(
      base_model === undefined
        ? `${where(["merge_method"])}: ${name} needs a base: name it with base_model`
        : `${where(keys)}: base_model is not among the sources of this slice; give its layers too`,
    );
  }
  if (
    name === "linear" &&
    base_model !== undefined &&
    !sources.some(({ model }) => model.dir === base_model)
  ) {
    throw new InputError(
      `${where(["base_model"])}: linear has no base; list it under models with a weight, or leave it out`,
    );
  }
  const { min, max } = method.models;
  if (models.length < min || models.length > max) {
    const wanted = min === max ? String(min) : `${min} or more`;
    throw new InputError(
      `${where(keys)}: ${name} takes ${wanted} model${wanted === "1" ? "" : "s"}${found ? " besides the base" : ""}, ${models.length} are given`,
    );
  }
  return { ...slice, base: found, models };
}

/** The tensors of a model whose layers come from the slices, in the order in which they are used. */
function rearranged(request: MergeRequest, slices: readonly Slice[]): PlannedTensor[] {
  const namesOf = ({ base, models: [model] }: Slice): string[] => [
    ...(base ?? model)!.model.tensors.keys(),
  ];
  const outside = (slice: Slice, isBefore: boolean): PlannedTensor[] =>
    namesOf(slice)
      .filter((from) => blockOf(from) === undefined && BEFORE_LAYERS.test(from) === isBefore)
      .map((from) => plan(request, slice, { from, layer: undefined }));
  const tensors = outside(slices[0]!, true);
  let to = 0;
  for (const slice of slices) {
    const { firstLayer } = (slice.base ?? slice.models[0])!;
    for (let i = 0; i < slice.layers; i++, to++) {
      for (const from of namesOf(slice)) {
        if (blockOf(from) !== firstLayer + i) continue;
        tensors.push(plan(request, slice, { from, layer: i, to }));
      }
    }
  }
  return [...tensors, ...outside(slices.at(-1)!, false)];
}

interface Place {
  /** The tensor's name in the slice's first source. */
  from: string;
  /** Within the slice. */
  layer: number | undefined;
  /** The reference model's tensor, which gives file and number format; else the first source's format. */
  own?: TensorInfo;
  /** The layer's number in the output, where it is another. */
  to?: number;
}

function plan(request: MergeRequest, slice: Slice, { from, layer, own, to }: Place): PlannedTensor {
  const { config, where, seed } = request;
  const renamed = (number: number | undefined): string =>
    number === undefined ? from : from.replace(LAYER, `$1${number}`);
  const infoOf = ({ model, firstLayer }: Source): TensorInfo => {
    const name = renamed(layer === undefined ? undefined : firstLayer + layer);
    const info = model.tensors.get(name);
    if (info) return info;
    throw new InputError(`${model.dir} has no tensor ${name}, which the others have`);
  };
  const sources = slice.models.map(infoOf);
  const base = slice.base && infoOf(slice.base);
  const [first = base!] = base ? [base] : sources;
  for (const [index, info] of sources.entries()) {
    const problem = tensorProblem(first, info);
    const other = slice.models[index]!.model.dir;
    if (problem) refuseProblems((slice.base ?? slice.models[0])!.model.dir, other, [problem]);
  }
  const asked = config.out_dtype ?? config.dtype;
  const dtype = asked === undefined ? (own ?? first).dtype : DTYPES[asked];
  if (!isFloatDType(dtype)) {
    throw new InputError(`${first.file}: tensor ${from} is ${dtype}, expected F32, F16 or BF16`);
  }
  const name = renamed(to ?? layer);
  const scopes = {
    method: config.merge_method,
    models: slice.models.map(({ model, scope }) => ({
      dir: model.dir,
      scopes: [scope, ...slice.shared],
    })),
    shared: slice.shared,
    where,
    seed,
  };
  const depth = layer === undefined || slice.layers < 2 ? 0 : layer / (slice.layers - 1);
  const parameters = tensorParameters(scopes, { name, sourceName: first.name, depth });
  const elements = first.byteLength / DTYPE_BYTES[first.dtype];
  return {
    name,
    shape: first.shape,
    dtype,
    file: own?.file,
    job: { method: config.merge_method, tensor: { elements, parameters }, base, models: sources },
  };
}
