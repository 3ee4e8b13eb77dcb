/** From a configuration to the tensors of the merged model: where each comes from, and with which numbers. */
import type { MethodName } from "../../protocol/merge-methods.ts";
import { InputError } from "../../util/errors.ts";
import type { Family } from "../../families/family.ts";
import { familyOf } from "../../families/registry.ts";
import { type FloatDType, isFloatDType } from "../../tensors/dtype.ts";
import type { TensorInfo } from "../../tensors/safetensors.ts";
import { type OpenedModel, refuseProblems, tensorProblem } from "./check-alike.ts";
import { type Planning, type Slice, type Source, slicesOf } from "./slices.ts";
import { alignedRows } from "./vocabulary-alignment.ts";
import { type ParameterScopes, parameterNotes, tensorParameters } from "./tensor-parameters.ts";
import type { TensorJob } from "./tensor-job.ts";
import type { FloatSource, TensorSource } from "./tensor-reader.ts";
import { elementCount } from "../../util/element-count.ts";

export interface PlannedTensor {
  name: string;
  shape: readonly number[];
  dtype: FloatDType;
  /** The file of the reference model that has it; undefined where layers are rearranged. */
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

const DTYPES = { float32: "F32", float16: "F16", bfloat16: "BF16" } as const;

/**
 * @param planning its models are every one of the configuration, by its folder
 * @throws InputError naming the place in the configuration, or the tensors that do not fit
 */
export function planMethodMerge(planning: Planning): MethodPlan {
  const { config, where, models } = planning;
  const slices = slicesOf(planning);
  const scopes = slices.flatMap((slice) => [
    ...slice.models.map(({ scope }) => scope),
    ...slice.shared,
  ]);
  const notes = [
    ...(planning.notes ?? []),
    ...parameterNotes(config.merge_method, [...new Set(scopes)], where),
  ];
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
    const { blockOf } = familyOf(reference.config);
    const names = new Set([...reference.tensors.keys(), ...headOf(first)]);
    const tensors = [...names].map((from) =>
      plan(planning, first, {
        from,
        layer: blockOf(from)?.index,
        own: reference.tensors.get(from),
      }),
    );
    return { ...planned, tensors: withFiles(tensors), layers: undefined };
  }
  return {
    ...planned,
    tensors: rearranged(planning, slices),
    layers: slices.flatMap(({ base, models: [model], layers }) =>
      Array.from({ length: layers }, (_, i) => (base ?? model)!.firstLayer + i),
    ),
  };
}

/** Its tensors' names are those that the others' are found by. */
function firstOf({ base, models }: Slice): Source {
  return (base ?? models[0])!;
}

/** The head, where one of the models has one of its own: the embedding stands for the others'. */
function headOf({ base, models }: Slice): string[] {
  const all = [...(base ? [base] : []), ...models];
  const heads = all.map(({ model }) => [model, familyOf(model.config).head] as const);
  return [...new Set(heads.flatMap(([model, head]) => (model.tensors.has(head) ? [head] : [])))];
}

/** A tensor that the reference does not have goes into its last file. */
function withFiles(tensors: readonly PlannedTensor[]): PlannedTensor[] {
  const last = tensors.findLast(({ file }) => file !== undefined)?.file;
  return tensors.map((tensor) => ({ ...tensor, file: tensor.file ?? last }));
}

/** The tensors of a model whose layers come from the slices, in the order in which they are used. */
function rearranged(planning: Planning, slices: readonly Slice[]): PlannedTensor[] {
  const namesOf = (slice: Slice): string[] => [
    ...new Set([...firstOf(slice).model.tensors.keys(), ...headOf(slice)]),
  ];
  const outside = (slice: Slice, isBefore: boolean): PlannedTensor[] => {
    const { facts } = familyOf(firstOf(slice).model.config);
    return namesOf(slice)
      .filter((from) => {
        const { block, isBeforeBlocks } = facts(from);
        return !block && isBeforeBlocks === isBefore;
      })
      .map((from) => plan(planning, slice, { from, layer: undefined }));
  };
  const tensors = outside(slices[0]!, true);
  let to = 0;
  for (const slice of slices) {
    const { firstLayer, model } = firstOf(slice);
    const { blockOf } = familyOf(model.config);
    for (let i = 0; i < slice.layers; i++, to++) {
      for (const from of namesOf(slice)) {
        if (blockOf(from)?.index !== firstLayer + i) continue;
        tensors.push(plan(planning, slice, { from, layer: i, to }));
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
  own?: TensorInfo | undefined;
  /** The layer's number in the output, where it is another. */
  to?: number;
}

/** The same tensor of another layer. */
function renamed({ blockOf }: Family, from: string, layer: number | undefined): string {
  const block = layer === undefined ? undefined : blockOf(from);
  if (!block) return from;
  return `${block.stem}${layer}${block.inner === "" ? "" : `.${block.inner}`}`;
}

/** @throws InputError where a model has no such tensor */
function infoOf({ model, firstLayer }: Source, { from, layer }: Place): TensorInfo {
  const family = familyOf(model.config);
  const name = renamed(family, from, layer === undefined ? undefined : firstLayer + layer);
  // A head that is tied to the embedding is stored as that.
  const isEmbedding = (each: string): boolean => family.facts(each).role === "embedding";
  const tied = name === family.head ? [...model.tensors.keys()].find(isEmbedding) : undefined;
  const info = model.tensors.get(name) ?? model.tensors.get(tied ?? "");
  if (info) return info;
  throw new InputError(`${model.dir} has no tensor ${name}, which the others have`);
}

function plan(planning: Planning, slice: Slice, place: Place): PlannedTensor {
  const { config, where } = planning;
  const { from, layer, own, to } = place;
  const { sources, shape, first } = inputsOf(planning, slice, place);
  const asked = config.out_dtype ?? config.dtype;
  if (asked === "float64") {
    const key = config.out_dtype === undefined ? "dtype" : "out_dtype";
    throw new InputError(
      `${where([key])}: float64 is not written; give out_dtype, float32 or smaller (the arithmetic is in float64 anyway)`,
    );
  }
  const dtype = asked === undefined ? (own ?? first).dtype : DTYPES[asked];
  if (!isFloatDType(dtype)) throw noFloat(own ?? first);
  const name = renamed(familyOf(firstOf(slice).model.config), from, to ?? layer);
  const depth = layer === undefined ? 0 : slice.layers < 2 ? 1 : layer / (slice.layers - 1);
  const scopes = scopesOf(planning, slice, place);
  const elements = elementCount(shape);
  const tensor = { elements, shape, parameters: tensorParameters(scopes, { name, depth }) };
  const [base, models] = slice.base ? [sources[0], sources.slice(1)] : [undefined, sources];
  const job = { method: config.merge_method, tensor, base, models };
  return { name, shape, dtype, file: own?.file, job };
}

function noFloat({ file, name, dtype }: TensorInfo): InputError {
  return new InputError(`${file}: tensor ${name} is ${dtype}, expected F32, F16 or BF16`);
}

interface Inputs {
  /** Base first where there is one. */
  sources: readonly TensorSource[];
  shape: readonly number[];
  first: TensorInfo;
}

/** @throws InputError where a model has no such tensor, or one of another shape */
function inputsOf({ where, vocabulary }: Planning, slice: Slice, place: Place): Inputs {
  const all = [...(slice.base ? [slice.base] : []), ...slice.models];
  const dirs = all.map(({ model }) => model.dir);
  const infos = all.map((source) => infoOf(source, place));
  const [first] = infos;
  if (!first) throw new InputError(`${where([])}: no model is given`);
  const family = familyOf(firstOf(slice).model.config);
  const aligned = alignedRows(infos, { family, dirs, vocabulary });
  if (aligned) return { ...aligned, first };
  if (!isFloatDType(first.dtype)) throw noFloat(first);
  for (const [index, info] of infos.entries()) {
    const problem = tensorProblem(first, info);
    if (problem) refuseProblems(dirs[0]!, dirs[index]!, [problem]);
  }
  return { sources: infos as readonly (TensorInfo & FloatSource)[], shape: first.shape, first };
}

function scopesOf(
  { config, where, seed }: Planning,
  { models, shared }: Slice,
  { from, layer }: Place,
): ParameterScopes {
  return {
    method: config.merge_method,
    models: models.map(({ model, firstLayer, scope }) => ({
      dir: model.dir,
      tensor: renamed(
        familyOf(model.config),
        from,
        layer === undefined ? undefined : firstLayer + layer,
      ),
      scopes: [scope, ...shared],
    })),
    shared,
    where,
    seed,
  };
}
