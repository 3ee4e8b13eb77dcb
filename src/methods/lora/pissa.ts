/**
 * PiSSA (arXiv 2404.02948): a LoRA that starts as the principal part of W, so that its first steps
 * go where W itself is largest; s·B₀·A₀ is taken away from W, and the model starts as the base.
 */
import { singularValues } from "../../util/svd.ts";
import type { NamedTensor } from "../method.ts";
import { orthonormaliseColumns } from "../orthonormal.ts";
import type { LoraSettings } from "./lora.ts";

/**
 * Directions and turns of the randomised range finder (arXiv 0909.4061, algorithm 4.4). A matrix that
 * has no more directions is decomposed exactly.
 */
const DIRECTIONS = 32;
const OVERSAMPLING = 8;
const TURNS = 2;

/**
 * A₀ = √(S/s)·Vᵀ [rank, columns] and B₀ = U·√(S/s) [rows, rank] of the largest singular values, as
 * PEFT's init_lora_weights "pissa" but for signs, and for what the range finder misses.
 * @param weight W [rows, columns]
 * @param normal draws the starting directions
 */
export function principalFactors(
  weight: Float32Array,
  { rows, columns }: { rows: number; columns: number },
  { rank, scale, normal }: { rank: number; scale: number; normal: () => number },
): { a: Float32Array; b: Float32Array } {
  const width = Math.min(Math.max(rank + OVERSAMPLING, DIRECTIONS), rows, columns);
  const shape = { rows, columns, width };
  let range = Float32Array.from({ length: columns * width }, normal);
  for (let turn = 0; turn < TURNS; turn++) {
    const left = product(weight, range, shape);
    orthonormaliseColumns(left, width);
    range = transposedProduct(weight, left, shape);
    orthonormaliseColumns(range, width);
  }
  const { values, left, right } = singularValues(product(weight, range, shape), width);
  const a = new Float32Array(rank * columns);
  const b = new Float32Array(rows * rank);
  for (let r = 0; r < rank; r++) {
    const root = Math.sqrt((values[r] ?? 0) / scale);
    for (let row = 0; row < rows; row++) b[row * rank + r] = root * (left[r]?.[row] ?? 0);
    for (let column = 0; column < columns; column++) {
      let sum = 0;
      for (let k = 0; k < width; k++) {
        sum += (range[column * width + k] ?? 0) * (right[r]?.[k] ?? 0);
      }
      a[r * columns + column] = root * sum;
    }
  }
  return { a, b };
}

interface Shape {
  rows: number;
  columns: number;
  width: number;
}

/** W·x, x [columns, width] → [rows, width]. */
function product(
  weight: Float32Array,
  x: Float32Array,
  { rows, columns, width }: Shape,
): Float32Array<ArrayBuffer> {
  const result = new Float32Array(rows * width);
  const sums = new Float64Array(width);
  for (let row = 0; row < rows; row++) {
    sums.fill(0);
    for (let column = 0; column < columns; column++) {
      const value = weight[row * columns + column] ?? 0;
      for (let k = 0; k < width; k++)
        sums[k] = (sums[k] ?? 0) + value * (x[column * width + k] ?? 0);
    }
    result.set(sums, row * width);
  }
  return result;
}

/** Wᵀ·y, y [rows, width] → [columns, width]. */
function transposedProduct(
  weight: Float32Array,
  y: Float32Array,
  { rows, columns, width }: Shape,
): Float32Array<ArrayBuffer> {
  const result = new Float32Array(columns * width);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const value = weight[row * columns + column] ?? 0;
      for (let k = 0; k < width; k++) {
        const at = column * width + k;
        result[at] = (result[at] ?? 0) + value * (y[row * width + k] ?? 0);
      }
    }
  }
  return result;
}

/** The same change of W as plain LoRA of twice the rank: s·[B, −B₀]·[A; A₀], as PEFT converts it. */
export function plainLora(adapter: LoraSettings): LoraSettings {
  const { sites, rank, alpha, rankPattern, alphaPattern, useRslora } = adapter;
  // alpha / rank, or alpha / √rank, stays what it was.
  const growth = useRslora ? Math.SQRT2 : 2;
  const times = (patterns: Readonly<Record<string, number>> | undefined, factor: number) =>
    patterns &&
    Object.fromEntries(Object.entries(patterns).map(([key, value]) => [key, factor * value]));
  return {
    ...adapter,
    fromPrincipal: false,
    rank: 2 * rank,
    alpha: growth * alpha,
    rankPattern: times(rankPattern, 2),
    alphaPattern: times(alphaPattern, growth),
    sites: sites.map((site) => ({ ...site, rank: 2 * site.rank })),
  };
}

/** The factors of `plainLora`, from those that were trained and those at the start. */
export function plainFactors({
  tensors,
  start,
}: {
  tensors: readonly NamedTensor[];
  start: (name: string) => Float32Array | undefined;
}): NamedTensor[] {
  return tensors.map(({ name, shape, values }) => {
    const before = start(name);
    const [rows = 0, columns = 0] = shape;
    if (!before) return { name, shape, values };
    const joined = new Float32Array(2 * values.length);
    if (name.endsWith(".lora_A.weight")) {
      joined.set(values);
      joined.set(before, values.length);
      return { name, shape: [2 * rows, columns], values: joined };
    }
    for (let row = 0; row < rows; row++) {
      const [from, to] = [row * columns, (row + 1) * columns];
      joined.set(values.subarray(from, to), 2 * from);
      joined.set(
        before.subarray(from, to).map((value) => -value),
        2 * from + columns,
      );
    }
    return { name, shape: [rows, 2 * columns], values: joined };
  });
}
