/**
 * Scalar products of the models with each other, the one thing that methods on spheres need to know of a tensor:
 * whatever they make lies in the span of the models, and so do all steps on the way.
 */
import { differences } from "./differences.ts";
import {
  type Figures,
  type MergeTensor,
  type Method,
  type Pass,
  type Stretch,
  columnsOf,
} from "./method.ts";

/** Which elements are one vector: the whole tensor, a row of the last axis each, or a column each. */
export type Grouping = "tensor" | "rows" | "columns";

/** The models, or their differences to the base where there is one. */
function vectorsOf(stretch: Stretch): readonly (Float32Array | Float64Array)[] {
  return stretch.base ? differences(stretch) : stretch.models;
}

function groupCount(tensor: MergeTensor, grouping: Grouping): number {
  const columns = columnsOf(tensor);
  if (grouping === "tensor") return 1;
  return grouping === "rows" ? tensor.elements / columns : columns;
}

/** The group of an element. @param at its place in the tensor */
function groupOf(at: number, columns: number, grouping: Grouping): number {
  if (grouping === "tensor") return 0;
  return grouping === "rows" ? Math.floor(at / columns) : at % columns;
}

/** The vectors are summed by factors of each group, which are found from their products alone. */
export interface GramRule {
  grouping: (tensor: MergeTensor) => Grouping;
  /**
   * @param gram of each group the products of vectors i and j at i · n + j, n their number
   * @returns of each group n factors
   */
  factors: (gram: Float64Array, tensor: MergeTensor) => readonly number[] | Float64Array;
}

/** W = Σ factorᵢ · vectorᵢ, and the base where there is one. */
export function gramMethod({ grouping, factors }: GramRule): Method {
  return {
    passes: (tensor) => {
      const by = grouping(tensor);
      const count = vectorCount(tensor);
      const pass: Pass = {
        size: () => groupCount(tensor, by) * count ** 2,
        add: (sums, stretch) => addProducts(sums, stretch, tensor, by),
        finish: (sums) => {
          mirror(sums, count);
          return { factors: factors(sums, tensor) };
        },
      };
      return [pass];
    },
    combine: (stretch, tensor, figures) =>
      combineByFactors(stretch, tensor, figures, grouping(tensor)),
  };
}

/** Adds each group's products with i ≤ j. */
function addProducts(
  sums: Float64Array,
  stretch: Stretch,
  tensor: MergeTensor,
  grouping: Grouping,
): void {
  const vectors = vectorsOf(stretch);
  const count = vectors.length;
  const columns = columnsOf(tensor);
  const { length } = stretch.models[0]!;
  for (let i = 0; i < count; i++) {
    for (let j = i; j < count; j++) {
      const [a, b] = [vectors[i]!, vectors[j]!];
      for (let from = 0; from < length;) {
        const group = groupOf(stretch.start + from, columns, grouping);
        const end = endOf(from, { start: stretch.start, length, columns, grouping });
        let sum = 0;
        for (let at = from; at < end; at++) sum += a[at]! * b[at]!;
        const place = group * count ** 2 + i * count + j;
        sums[place] = sums[place]! + sum;
        from = end;
      }
    }
  }
}

/** Products with i > j are those with i < j. */
function mirror(gram: Float64Array, count: number): void {
  for (let group = 0; group < gram.length; group += count ** 2) {
    for (let i = 0; i < count; i++) {
      for (let j = 0; j < i; j++) gram[group + i * count + j] = gram[group + j * count + i]!;
    }
  }
}

function vectorCount({ parameters }: MergeTensor): number {
  return parameters.weight.length;
}

/** Where the run of elements of one group ends, within the stretch. */
function endOf(
  from: number,
  {
    start,
    length,
    columns,
    grouping,
  }: { start: number; length: number; columns: number; grouping: Grouping },
): number {
  if (grouping === "tensor") return length;
  if (grouping === "columns") return from + 1;
  return Math.min(length, from + columns - ((start + from) % columns));
}

/** The products as rows, where the vectors are one group. */
export function gramRows(gram: Float64Array, { parameters }: MergeTensor): number[][] {
  const count = parameters.weight.length;
  return Array.from({ length: count }, (_, i) => [...gram.subarray(i * count, (i + 1) * count)]);
}

/** Σ cᵢ·dⱼ·Gᵢⱼ: the product of two vectors that are given by their coefficients. */
export function product(
  gram: readonly (readonly number[])[],
  c: readonly number[],
  d: readonly number[],
): number {
  let sum = 0;
  for (const [i, row] of gram.entries()) {
    for (const [j, value] of row.entries()) sum += c[i]! * d[j]! * value;
  }
  return sum;
}

export function lengthOf(gram: readonly (readonly number[])[], c: readonly number[]): number {
  return Math.sqrt(Math.max(0, product(gram, c, c)));
}

/** Σ factorᵢ · vectorᵢ, and the base where there is one. @param figures `factors` of each group */
function combineByFactors(
  stretch: Stretch,
  tensor: MergeTensor,
  { factors = [] }: Figures,
  grouping: Grouping,
): Float64Array {
  const vectors = vectorsOf(stretch);
  const count = vectors.length;
  const columns = columnsOf(tensor);
  const result = stretch.base
    ? new Float64Array(stretch.base)
    : new Float64Array(stretch.models[0]!.length);
  for (const [index, vector] of vectors.entries()) {
    for (let i = 0; i < result.length; i++) {
      const group = grouping === "tensor" ? 0 : groupOf(stretch.start + i, columns, grouping);
      result[i] = result[i]! + factors[group * count + index]! * vector[i]!;
    }
  }
  return result;
}
