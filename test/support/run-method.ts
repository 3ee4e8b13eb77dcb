/** A merge method over whole tensors in memory, in stretches as a merge gives them to it. */
import {
  type Figures,
  type MergeTensor,
  type Method,
  STRETCH_ALIGNMENT,
  type Stretch,
  type TensorParameters,
  columnsOf,
} from "../../src/merge/methods/method.ts";

export interface Values {
  base: Float32Array | undefined;
  models: readonly Float32Array[];
}

export function runMethod(
  method: Method,
  values: Values,
  parameters: TensorParameters,
  shape: readonly number[] = [(values.base ?? values.models[0]!).length],
): Float64Array {
  const elements = (values.base ?? values.models[0]!).length;
  const tensor: MergeTensor = { elements, shape, parameters };
  const size = method.needsRows ? columnsOf(tensor) : 2 * STRETCH_ALIGNMENT;
  let figures: Figures = {};
  for (const pass of method.passes?.(tensor) ?? []) {
    if (pass.isNeedless?.(figures)) continue;
    // As if two threads had shared the stretches.
    const halves = [0, 1].map(() => new Float64Array(pass.size(tensor, figures)));
    for (const [index, stretch] of stretches(values, elements, size).entries()) {
      pass.add(halves[index % 2]!, stretch, tensor, figures);
    }
    const sums = halves[0]!.map((value, i) => value + halves[1]![i]!);
    figures = pass.finish(sums, tensor, figures);
  }
  const result = new Float64Array(elements);
  for (const stretch of stretches(values, elements, size)) {
    result.set(method.combine(stretch, tensor, figures), stretch.start);
  }
  return result;
}

function stretches({ base, models }: Values, elements: number, size: number): Stretch[] {
  return Array.from({ length: Math.ceil(elements / size) }, (_, i) => {
    const part = (all: Float32Array): Float32Array => all.slice(i * size, (i + 1) * size);
    return { start: i * size, base: base && part(base), models: models.map(part) };
  });
}

export const PLAIN: Omit<TensorParameters, "weight" | "density" | "keys"> = {
  normalize: false,
  rescale: false,
  filter_wise: false,
  nuslerp_flatten: true,
  nuslerp_row_wise: false,
  normalize_weights: true,
  lambda: 1,
  t: 0,
  select_topk: 1,
  max_iter: 10,
  tol: 1e-5,
  eps: 1e-8,
  scale: [1],
  gamma: [],
  epsilon: [],
};
