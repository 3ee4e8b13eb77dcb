/**
 * What a merge method is: arithmetic over stretches of a tensor, and nothing else. A method reads no file,
 * knows no tensor's name and keeps no state, so that a worker thread can run it: parameters, sums and figures
 * are plain data. How stretches are read, shared among threads and written is the caller's.
 *
 * For each tensor the caller
 * 1. copies one model's values where `copies` names one;
 * 2. else goes through the passes in order: for each, `add` once for every stretch of the tensor, then `finish`.
 *    Sums of several threads are added element by element before `finish`, in any order;
 * 3. then calls `combine` for every stretch, and rounds what it returns once.
 */

import type {
  MERGE_PARAMETERS,
  MergeParameterName,
  ParameterWords,
} from "../../protocol/merge-methods.ts";

/** Every stretch but a tensor's last begins and ends at a multiple of so many elements. */
export const STRETCH_ALIGNMENT = 4096;

/** The same elements of one tensor as each model has them, in float32; all finite. */
export interface Stretch {
  /** The first one's place in the tensor, in elements; a multiple of STRETCH_ALIGNMENT, or of the row's length. */
  start: number;
  /** Methods that work on differences have a base; it is slerp's first end. */
  base: Float32Array | undefined;
  /** In the order of the configuration, without the base. */
  models: readonly Float32Array[];
}

type Named<Of extends ParameterWords["of"], Kind extends ParameterWords["kind"]> = {
  [Name in MergeParameterName]: (typeof MERGE_PARAMETERS)[Name] extends { of: Of; kind: Kind }
    ? Name
    : never;
}[MergeParameterName];
/** Each model has its own. */
export type ModelNumber = Named<"each model", "number">;
export type SharedNumber = Named<"all", "number">;
export type Flag = Named<"all", "flag">;

/** One tensor's parameters; what each means is in protocol/merge-methods.ts. What a method does not read is neutral. */
export type TensorParameters = Readonly<
  Record<ModelNumber, readonly number[]> & Record<SharedNumber, number> & Record<Flag, boolean>
> & {
  /** Two 32-bit words for each model: which random mask is drawn for this tensor. */
  keys: readonly (readonly [number, number])[];
};

export interface MergeTensor {
  elements: number;
  shape: readonly number[];
  parameters: TensorParameters;
}

/** Elements of the last axis: a row; of a tensor of one axis all. */
export function columnsOf({ elements, shape }: MergeTensor): number {
  return Math.max(1, shape.at(-1) ?? elements);
}

/** What the passes found out about the tensor: a number for each model, or as the method says. */
export type Figures = Readonly<Record<string, readonly number[] | Float64Array>>;

export interface Pass {
  /** Whether what is known already makes this pass needless: neither `add` nor `finish` is called then. */
  isNeedless?: (figures: Figures) => boolean;
  /** How many sums the pass keeps; all begin at 0. */
  size: (tensor: MergeTensor, figures: Figures) => number;
  /** Adds what this stretch contributes. @param figures of the passes before */
  add: (sums: Float64Array, stretch: Stretch, tensor: MergeTensor, figures: Figures) => void;
  /** @returns the figures so far, with this pass's own */
  finish: (sums: Float64Array, tensor: MergeTensor, figures: Figures) => Figures;
}

export interface Method {
  /** The one whose values the result has, where the parameters say so: copied bit for bit. */
  copies?: (parameters: TensorParameters) => "base" | number | undefined;
  /** Where the result is Σ factorᵢ·Wᵢ of the models and nothing else: the factors. */
  factors?: (parameters: TensorParameters) => readonly number[];
  /** Stretches are whole rows then, as many as there is room for, and no multiple of STRETCH_ALIGNMENT. */
  needsRows?: boolean;
  /** Left out: none. */
  passes?: (tensor: MergeTensor) => readonly Pass[];
  /** @returns as many elements as the stretch has; may be one of its arrays */
  combine: (stretch: Stretch, tensor: MergeTensor, figures: Figures) => Float32Array | Float64Array;
}
