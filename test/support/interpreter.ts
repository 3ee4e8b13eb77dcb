/**
 * Runs a graph in double precision, one straightforward loop per operation: slow, and simple enough
 * to be believed. Gradient rules are checked against finite differences of it, and ONNX lowerings
 * against its results.
 */
import { type Dim, evaluateDim } from "../../src/graph/dim.ts";
import type { Graph, NodeOf, Value } from "../../src/graph/graph.ts";
import type { OpType } from "../../src/graph/ops.ts";
import { elementCount } from "../../src/util/element-count.ts";

export interface Tensor64 {
  shape: readonly number[];
  data: Float64Array;
}

type Evaluate<T extends OpType> = (
  inputs: readonly Tensor64[],
  node: NodeOf<T>,
  size: (value: Value) => readonly number[],
) => readonly Tensor64[];

const count = elementCount;

export function tensor(shape: readonly number[], data?: ArrayLike<number>): Tensor64 {
  return { shape, data: data ? Float64Array.from(data) : new Float64Array(count(shape)) };
}

function generate(shape: readonly number[], at: (index: readonly number[]) => number): Tensor64 {
  const result = tensor(shape);
  const index = shape.map(() => 0);
  for (let i = 0; i < result.data.length; i++) {
    result.data[i] = at(index);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]!++;
      if (index[axis]! < shape[axis]!) break;
      index[axis] = 0;
    }
  }
  return result;
}

/** Element at an index that may have more axes than the tensor; axes of size 1 are broadcast. */
function get({ shape, data }: Tensor64, index: readonly number[]): number {
  const extra = index.length - shape.length;
  let offset = 0;
  for (let axis = 0; axis < shape.length; axis++) {
    const size = shape[axis]!;
    offset = offset * size + (size === 1 ? 0 : index[axis + extra]!);
  }
  return data[offset]!;
}

function broadcast(f: (a: number, b: number) => number): Evaluate<"Add" | "Sub" | "Mul"> {
  return ([a, b], node, size) => [
    generate(size(node.outputs[0]!), (index) => f(get(a!, index), get(b!, index))),
  ];
}

function map(x: Tensor64, f: (value: number) => number): Tensor64 {
  return tensor(x.shape, x.data.map(f));
}

/** The cases that are interpreted have no symbols in their bounds. */
function fixed(dim: Dim): number {
  if (typeof dim === "string") throw new Error(`${dim} has no value here`);
  return dim;
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

function product(
  a: Tensor64,
  b: Tensor64,
  { transA, transB, alpha }: { transA: boolean; transB: boolean; alpha: number },
  shape: readonly number[],
): Tensor64 {
  const inner = a.shape.at(transA ? -2 : -1)!;
  return generate(shape, (index) => {
    const lead = index.slice(0, -2);
    const [row, column] = index.slice(-2) as [number, number];
    let sum = 0;
    for (let k = 0; k < inner; k++) {
      const left = get(a, [...lead, ...(transA ? [k, row] : [row, k])]);
      sum += left * get(b, [...lead, ...(transB ? [column, k] : [k, column])]);
    }
    return alpha * sum;
  });
}

/** Applies f to each run of the last axis. */
function rows(x: Tensor64, f: (row: Float64Array) => ArrayLike<number>): Tensor64 {
  const width = x.shape.at(-1)!;
  const result = tensor(x.shape);
  for (let start = 0; start < x.data.length; start += width) {
    result.data.set(Float64Array.from(f(x.data.subarray(start, start + width))), start);
  }
  return result;
}

function softmaxRow(row: Float64Array): Float64Array {
  const top = Math.max(...row);
  const powers = row.map((value) => Math.exp(value - top));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((value) => value / sum);
}

function attention(
  [q, k, v, mask]: readonly [Tensor64, Tensor64, Tensor64, Tensor64],
  scale: number,
) {
  const [B, H, T, D] = q.shape as [number, number, number, number];
  const group = H / k.shape[1]!;
  const S = k.shape[2]!;
  const scores = generate([B, H, T, S], ([b, h, t, s]) => {
    let sum = 0;
    for (let d = 0; d < D; d++) {
      sum += get(q, [b!, h!, t!, d]) * get(k, [b!, Math.floor(h! / group), s!, d]);
    }
    return scale * sum + get(mask, [b!, 0, t!, s!]);
  });
  const p = rows(scores, softmaxRow);
  const o = generate([B, H, T, D], ([b, h, t, d]) => {
    let sum = 0;
    for (let s = 0; s < S; s++) {
      sum += get(p, [b!, h!, t!, s]) * get(v, [b!, Math.floor(h! / group), s, d!]);
    }
    return sum;
  });
  return { o, p };
}

const gatherRows: Evaluate<"GatherRows" | "SpreadRows" | "CollectRows"> = (
  [data, indices],
  node,
  size,
) => [generate(size(node.outputs[0]!), ([r, c]) => get(data!, [indices!.data[r!]!, c!]))];

/** Loss, hits and gradients, straight from the definitions. */
function linearCrossEntropy(
  [x, weight, labels, coefficients]: readonly [Tensor64, Tensor64, Tensor64, Tensor64],
  results: "evaluation" | "training" | "weightGradient",
): readonly Tensor64[] {
  const [R, V] = [x.shape[0]!, weight.shape[0]!];
  const options = { transA: false, transB: true, alpha: 1 };
  const p = rows(product(x, weight, options, [R, V]), softmaxRow);
  const label = (r: number): number => labels.data[r]!;
  let loss = 0;
  for (let r = 0; r < R; r++) loss -= coefficients.data[r]! * Math.log(get(p, [r, label(r)]));
  if (results === "evaluation") {
    const best = (r: number): number => Math.max(...p.data.subarray(r * V, (r + 1) * V));
    const hits = generate([R], ([r]) => (get(p, [r!, label(r!)]) >= best(r!) ? 1 : 0));
    const losses = generate([R], ([r]) => -Math.log(get(p, [r!, label(r!)])));
    return [tensor([1], [loss]), hits, losses];
  }
  const slope = generate([R, V], ([r, v]) => {
    const onehot = label(r!) === v ? 1 : 0;
    return coefficients.data[r!]! * (get(p, [r!, v!]) - onehot);
  });
  const plain = { transA: false, transB: false, alpha: 1 };
  const dx = product(slope, weight, plain, x.shape);
  const dweight = product(slope, x, { ...plain, transA: true }, weight.shape);
  return [tensor([1], [loss]), dx, dweight];
}

const EVALUATE: { [T in OpType]: Evaluate<T> } = {
  Gemm([a, b, c], { attributes, outputs }, size) {
    const shape = size(outputs[0]!);
    const ab = product(a!, b!, attributes, shape);
    return [c ? generate(shape, (index) => get(ab, index) + get(c, index)) : ab];
  },
  MatMul: ([a, b], node, size) => [product(a!, b!, node.attributes, size(node.outputs[0]!))],
  Add: broadcast((a, b) => a + b),
  Sub: broadcast((a, b) => a - b),
  Mul: broadcast((a, b) => a * b),
  Scale: ([x], { attributes: { factor } }) => [map(x!, (value) => value * factor)],
  Sigmoid: ([x]) => [map(x!, sigmoid)],
  Softmax: ([x]) => [rows(x!, softmaxRow)],
  Reshape: ([x], node, size) => [tensor(size(node.outputs[0]!), x!.data)],
  Transpose: ([x], node, size) => [
    generate(size(node.outputs[0]!), (index) => {
      const from: number[] = [];
      node.attributes.perm.forEach((axis, i) => (from[axis] = index[i]!));
      return get(x!, from);
    }),
  ],
  ReduceSum([x], node, size) {
    const sum = tensor(size(node.outputs[0]!));
    const at = new Map<string, number>();
    generate(sum.shape, (index) => at.set(index.join(), at.size).size);
    generate(x!.shape, (index) => {
      const kept = index.map((i, axis) => (node.attributes.axes.includes(axis) ? 0 : i));
      sum.data[at.get(kept.join())!]! += get(x!, index);
      return 0;
    });
    return [sum];
  },
  Concat: (inputs, node, size) => [
    generate(size(node.outputs[0]!), (index) => {
      const { axis } = node.attributes;
      const from = [...index];
      for (const part of inputs) {
        if (from[axis]! < part.shape[axis]!) return get(part, from);
        from[axis]! -= part.shape[axis]!;
      }
      return Number.NaN;
    }),
  ],
  Split([x], { attributes: { axis }, outputs }, size) {
    let start = 0;
    return outputs.map((value) => {
      const first = start;
      start += size(value)[axis]!;
      return generate(size(value), (index) => get(x!, index.with(axis, index[axis]! + first)));
    });
  },
  Slice: ([x], { attributes: { axis, start }, outputs }, size) => [
    generate(size(outputs[0]!), (index) => get(x!, index.with(axis, index[axis]! + fixed(start)))),
  ],
  Pad: ([x], { attributes: { axis, before }, outputs }, size) => [
    generate(size(outputs[0]!), (index) => {
      const from = index[axis]! - fixed(before);
      return from >= 0 && from < x!.shape[axis]! ? get(x!, index.with(axis, from)) : 0;
    }),
  ],
  GatherRows: gatherRows,
  SpreadRows: gatherRows,
  CollectRows: gatherRows,
  ScatterAddRows([indices, updates, like]) {
    const result = tensor(like!.shape);
    const width = like!.shape[1]!;
    generate(updates!.shape, ([r, c]) => {
      result.data[indices!.data[r!]! * width + c!]! += get(updates!, [r!, c!]);
      return 0;
    });
    return [result];
  },
  Dequantize([codes, scales], node, size) {
    const shape = size(node.outputs[0]!);
    const block = codes!.shape[1]!;
    return [
      tensor(
        shape,
        codes!.data.map((code, i) => code * scales!.data[Math.floor(i / block)]!),
      ),
    ];
  },
  Cast: ([x]) => [x!],
  RmsNorm([x, w], { attributes: { epsilon } }) {
    const [n, c] = x!.shape as [number, number];
    const inv = generate([n, 1], ([row]) => {
      let sum = 0;
      for (let i = 0; i < c; i++) sum += get(x!, [row!, i]) ** 2;
      return 1 / Math.sqrt(sum / c + epsilon);
    });
    const y = generate(x!.shape, (at) => get(x!, at) * get(inv, at) * get(w!, [at[1]!]));
    return [y, inv];
  },
  Rope([x, positions, cos, sin]) {
    const half = cos!.shape[1]!;
    const rotate = ([n, c]: readonly number[]): number => {
      const d = c! % (2 * half);
      const angle = [get(positions!, [n!, 0]), d % half];
      const other = d < half ? -get(x!, [n!, c! + half]) : get(x!, [n!, c! - half]);
      return get(x!, [n!, c!]) * get(cos!, angle) + other * get(sin!, angle);
    };
    return [generate(x!.shape, rotate)];
  },
  Attention([q, k, v, mask], node, size) {
    const { o, p } = attention([q!, k!, v!, mask!], node.attributes.scale);
    return [o, tensor(size(node.outputs[1]!), p.data)];
  },
  AttentionProbabilities([q, k, mask], node, size) {
    const { p } = attention([q!, k!, k!, mask!], node.attributes.scale);
    return [tensor(size(node.outputs[0]!), p.data)];
  },
  After: ([x]) => [x!],
  SwiGlu([gate, up]) {
    const silu = map(gate!, (g) => g * sigmoid(g));
    return [generate(gate!.shape, (index) => get(silu, index) * get(up!, index)), silu];
  },
  SoftmaxCrossEntropy([logits, labels, coefficients]) {
    const p = rows(logits!, softmaxRow);
    let loss = 0;
    labels!.data.forEach((label, r) => {
      loss -= coefficients!.data[r]! * Math.log(get(p, [r, label]));
    });
    return [tensor([1], [loss]), p];
  },
  LinearCrossEntropy: ([x, weight, labels, coefficients], { attributes: { results } }) =>
    linearCrossEntropy([x!, weight!, labels!, coefficients!], results),
  SoftmaxCrossEntropyGradient: ([p, labels, coefficients]) => [
    generate(p!.shape, ([r, v]) => {
      const onehot = labels!.data[r!] === v ? 1 : 0;
      return coefficients!.data[r!]! * (get(p!, [r!, v!]) - onehot);
    }),
  ],
  InverseRowNorms: ([x]) => [
    generate([x!.shape[0]!], ([r]) => {
      const width = x!.shape[1]!;
      return 1 / Math.hypot(...x!.data.subarray(r! * width, (r! + 1) * width));
    }),
  ],
  ArgMaxHit: ([p, labels]) => [
    generate([p!.shape[0]!], ([r]) => {
      const width = p!.shape[1]!;
      const row = p!.data.subarray(r! * width, (r! + 1) * width);
      return row[labels!.data[r!]!]! >= Math.max(...row) ? 1 : 0;
    }),
  ],
  TokenLosses: ([logits, labels]) => [
    generate([logits!.shape[0]!], ([r]) => {
      const width = logits!.shape[1]!;
      const row = logits!.data.subarray(r! * width, (r! + 1) * width);
      const most = Math.max(...row);
      const sum = row.reduce((total, one) => total + Math.exp(one - most), 0);
      return Math.log(sum) + most - row[labels!.data[r!]!]!;
    }),
  ],
  DropoutMask([like, pool, offsets], { attributes: { site } }) {
    const start = offsets!.data[site]!;
    return [tensor(like!.shape, pool!.data.subarray(start, start + like!.data.length))];
  },
};

/** @returns the values of the graph's outputs, in order. */
export function interpret(
  graph: Graph,
  feeds: Readonly<Record<string, Tensor64>>,
  sizes: Readonly<Record<string, number>> = {},
): readonly Tensor64[] {
  const symbols = new Map(Object.entries(sizes));
  const values = new Map<Value, Tensor64>();
  const size = (value: Value): readonly number[] =>
    value.shape.map((dim) => evaluateDim(dim, symbols));
  for (const value of [...graph.inputs, ...graph.weights]) {
    const fed = feeds[value.name];
    if (!fed) throw new Error(`${value.name} is not fed`);
    values.set(value, fed);
  }
  for (const { value, data } of graph.constants) {
    values.set(value, tensor(size(value), Array.from(data, Number)));
  }
  for (const node of graph.nodes) {
    const evaluate = EVALUATE[node.op] as Evaluate<OpType>;
    const inputs = node.inputs.map((value) => values.get(value)!);
    const results = evaluate(inputs, node as unknown as NodeOf<OpType>, size);
    node.outputs.forEach((value, index) => values.set(value, results[index]!));
  }
  return graph.outputs.map((value) => values.get(value)!);
}
