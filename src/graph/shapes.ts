import {
  type Dim,
  type Shape,
  difference,
  dimAt,
  parseDim,
  product,
  sameShape,
  sum,
} from "./dim.ts";
import type { ElementType, OpAttributes, OpType } from "./ops.ts";
import type { Value } from "./graph.ts";

export interface Typed {
  type: ElementType;
  shape: Shape;
}

type ShapeRule<T extends OpType> = (
  inputs: readonly Value[],
  attributes: OpAttributes[T],
) => readonly Typed[];

/** Thrown with the operation's name and the shapes in question; always a bug in the graph's builder. */
export class ShapeError extends Error {
  override readonly name = "ShapeError";
}

function require(condition: boolean, message: string): asserts condition {
  if (!condition) throw new ShapeError(message);
}

function at(inputs: readonly Value[], index: number): Value {
  const value = inputs[index];
  require(value !== undefined, `input ${index} is missing`);
  return value;
}

function rank(value: Value, expected: number): void {
  require(value.shape.length ===
    expected, `${value.name} [${value.shape.join(",")}] should have ${expected} axes`);
}

const float = (shape: Shape): Typed => ({ type: "float32", shape });

function broadcast(a: Value, b: Value): Shape {
  const axes = Math.max(a.shape.length, b.shape.length);
  return Array.from({ length: axes }, (_, index) => {
    const left = a.shape[index - axes + a.shape.length] ?? 1;
    const right = b.shape[index - axes + b.shape.length] ?? 1;
    require(left === right ||
      left === 1 ||
      right ===
        1, `${a.name} [${a.shape.join(",")}] and ${b.name} [${b.shape.join(",")}] do not broadcast`);
    return left === 1 ? right : left;
  });
}

function elementwise(inputs: readonly Value[]): readonly Typed[] {
  return [float(broadcast(at(inputs, 0), at(inputs, 1)))];
}

function unary(inputs: readonly Value[]): readonly Typed[] {
  return [float(at(inputs, 0).shape)];
}

function contract(
  a: Shape,
  b: Shape,
  { transA, transB }: { transA: boolean; transB: boolean },
): [Dim, Dim] {
  const [rows, inner] = transA ? [dimAt(a, -1), dimAt(a, -2)] : [dimAt(a, -2), dimAt(a, -1)];
  const [innerB, columns] = transB ? [dimAt(b, -1), dimAt(b, -2)] : [dimAt(b, -2), dimAt(b, -1)];
  require(inner === innerB, `inner dimensions differ: [${a.join(",")}] · [${b.join(",")}]`);
  return [rows, columns];
}

function replaceAxis(shape: Shape, axis: number, size: Dim): Shape {
  return shape.map((old, index) => (index === axis ? size : old));
}

function staticAxis(value: Value, axis: number): number {
  const size = dimAt(value.shape, axis);
  require(typeof size === "number", `axis ${axis} of ${value.name} is symbolic`);
  return size;
}

/** [B·K, (H/K)·T, S] of q [B,H,T,D] and k [B,K,S,D]. */
function probabilitiesShape(q: Value, k: Value): Shape {
  const group = staticAxis(q, 1) / staticAxis(k, 1);
  require(Number.isInteger(group), "query heads must be a multiple of key heads");
  return [product(k.shape.slice(0, 2)), product([group, dimAt(q.shape, 2)]), dimAt(k.shape, 2)];
}

function isNotNegative(dim: Dim): boolean {
  return parseDim(dim).factor >= 0;
}

/** Result types of every operation; each rule also checks what it is given. */
export const SHAPES: { readonly [T in OpType]: ShapeRule<T> } = {
  Gemm(inputs, attributes) {
    const [a, b, c] = [at(inputs, 0), at(inputs, 1), inputs[2]];
    rank(a, 2);
    rank(b, 2);
    const shape = contract(a.shape, b.shape, attributes);
    require(c === undefined ||
      sameShape(c.shape, shape) ||
      (c.shape.length === 1 &&
        c.shape[0] ===
          shape[1]), `C ${c?.name} [${c?.shape.join(",")}] does not fit [${shape.join(",")}]`);
    return [float(shape)];
  },
  MatMul(inputs, attributes) {
    const [a, b] = [at(inputs, 0), at(inputs, 1)];
    rank(a, 3);
    rank(b, 3);
    require(a.shape[0] === b.shape[0], `batches differ: ${a.shape[0]} and ${b.shape[0]}`);
    return [float([dimAt(a.shape, 0), ...contract(a.shape, b.shape, attributes)])];
  },
  Add: elementwise,
  Sub: elementwise,
  Mul: elementwise,
  Scale: unary,
  Sigmoid: unary,
  Softmax: unary,
  Reshape(inputs, { shape }) {
    const from = at(inputs, 0).shape;
    require(product(from) ===
      product(shape), `[${from.join(",")}] cannot become [${shape.join(",")}]`);
    return [float(shape)];
  },
  Transpose(inputs, { perm }) {
    const { shape } = at(inputs, 0);
    require(perm.length === shape.length, `perm [${perm.join(",")}] for ${shape.length} axes`);
    return [float(perm.map((axis) => dimAt(shape, axis)))];
  },
  ReduceSum(inputs, { axes }) {
    const { shape } = at(inputs, 0);
    return [float(shape.map((size, axis) => (axes.includes(axis) ? 1 : size)))];
  },
  Concat(inputs, { axis, size }) {
    const first = at(inputs, 0);
    for (const value of inputs) {
      require(sameShape(
        replaceAxis(value.shape, axis, 0),
        replaceAxis(first.shape, axis, 0),
      ), `${value.name} [${value.shape.join(",")}] does not join [${first.shape.join(",")}]`);
    }
    const sizes = inputs.map((value) => dimAt(value.shape, axis));
    if (sizes.every((one) => typeof one === "number")) {
      const joint = sum(sizes);
      require(joint === size, `joint size is ${joint}, not ${size}`);
    }
    return [float(replaceAxis(first.shape, axis, size))];
  },
  Split(inputs, { axis, sizes }) {
    const value = at(inputs, 0);
    require(sum(sizes) === dimAt(value.shape, axis), `[${sizes.join(",")}] of ${value.name}`);
    return sizes.map((size) => float(replaceAxis(value.shape, axis, size)));
  },
  Slice(inputs, { axis, start, end }) {
    const value = at(inputs, 0);
    const size = difference(end, start);
    const inside = [start, difference(dimAt(value.shape, axis), end)].every(isNotNegative);
    require(inside &&
      parseDim(size).factor >
        0, `[${start},${end}) is outside axis ${axis} of ${value.name} [${value.shape.join(",")}]`);
    return [float(replaceAxis(value.shape, axis, size))];
  },
  Pad(inputs, { axis, before, after }) {
    const value = at(inputs, 0);
    return [float(replaceAxis(value.shape, axis, sum([before, dimAt(value.shape, axis), after])))];
  },
  SpreadRows(inputs) {
    const [x, there, back] = [at(inputs, 0), at(inputs, 1), at(inputs, 2)];
    require(back.shape[0] === x.shape[0], "back names a place for each row");
    return [float([dimAt(there.shape, 0), dimAt(x.shape, 1)])];
  },
  CollectRows(inputs) {
    const [y, back, there, real] = [at(inputs, 0), at(inputs, 1), at(inputs, 2), at(inputs, 3)];
    require(there.shape[0] === y.shape[0], "there names an origin for each row");
    require(sameShape(real.shape, [dimAt(y.shape, 0), 1]), "real [R,1]");
    return [float([dimAt(back.shape, 0), dimAt(y.shape, 1)])];
  },
  GatherRows(inputs) {
    const [data, indices] = [at(inputs, 0), at(inputs, 1)];
    rank(data, 2);
    rank(indices, 1);
    require(indices.type === "int64", `indices ${indices.name} must be int64`);
    return [{ type: data.type, shape: [dimAt(indices.shape, 0), dimAt(data.shape, 1)] }];
  },
  ScatterAddRows(inputs) {
    const [indices, updates, like] = [at(inputs, 0), at(inputs, 1), at(inputs, 2)];
    require(indices.shape[0] === updates.shape[0], "as many indices as updates");
    require(updates.shape[1] === like.shape[1], "rows of the same width");
    return [float(like.shape)];
  },
  InverseRowNorms(inputs) {
    rank(at(inputs, 0), 2);
    return [float([dimAt(at(inputs, 0).shape, 0)])];
  },
  Cast(inputs, { to }) {
    return [{ type: to, shape: at(inputs, 0).shape }];
  },
  Dequantize(inputs, { shape }) {
    const [codes, scales] = [at(inputs, 0), at(inputs, 1)];
    rank(codes, 2);
    require(codes.type === "int8" || codes.type === "int4", `${codes.name} is ${codes.type}`);
    require(sameShape(scales.shape, [dimAt(codes.shape, 0)]), `${scales.name}: a scale per block`);
    require(product(codes.shape) ===
      product(shape), `[${codes.shape.join(",")}] cannot become [${shape.join(",")}]`);
    return [float(shape)];
  },
  RmsNorm(inputs) {
    const [x, weight] = [at(inputs, 0), at(inputs, 1)];
    rank(x, 2);
    require(sameShape(weight.shape, [dimAt(x.shape, 1)]), `weight [${weight.shape.join(",")}]`);
    return [float(x.shape), float([dimAt(x.shape, 0), 1])];
  },
  Rope(inputs) {
    const [x, positions, cos, sin] = [at(inputs, 0), at(inputs, 1), at(inputs, 2), at(inputs, 3)];
    rank(x, 2);
    require(sameShape(positions.shape, [dimAt(x.shape, 0), 1]), "positions [N,1]");
    require(sameShape(cos.shape, sin.shape), "cos and sin of one shape");
    const heads = staticAxis(x, 1) / (2 * staticAxis(cos, 1));
    require(Number.isInteger(heads), "x [N,H·D] for cos [M,D/2]");
    return [float(x.shape)];
  },
  Attention(inputs) {
    const [q, k, v, mask] = [at(inputs, 0), at(inputs, 1), at(inputs, 2), at(inputs, 3)];
    for (const value of [q, k, v, mask]) rank(value, 4);
    require(sameShape(k.shape, v.shape), "k and v of one shape");
    require(q.shape[0] === k.shape[0] && q.shape[3] === k.shape[3], "q and k of one B and D");
    require(mask.shape[2] === q.shape[2] && mask.shape[3] === k.shape[2], "mask [M,1,T,S]");
    return [float(q.shape), float(probabilitiesShape(q, k))];
  },
  AttentionProbabilities(inputs) {
    return [float(probabilitiesShape(at(inputs, 0), at(inputs, 1)))];
  },
  After: unary,
  SwiGlu: (inputs) => [...elementwise(inputs), float(at(inputs, 0).shape)],
  SoftmaxCrossEntropy(inputs) {
    const [logits, labels, coefficients] = [at(inputs, 0), at(inputs, 1), at(inputs, 2)];
    rank(logits, 2);
    require(labels.type === "int64", "labels must be int64");
    require(labels.shape[0] === logits.shape[0], "a label for each row of logits");
    require(coefficients.shape[0] === logits.shape[0], "a coefficient for each row of logits");
    return [float([1]), float(logits.shape)];
  },
  LinearCrossEntropy(inputs, { rowChunks, results }) {
    const [x, weight, labels, coefficients] = [0, 1, 2, 3].map((index) => at(inputs, index));
    require(x !== undefined && weight !== undefined, "x and weight");
    rank(x, 2);
    require(x.shape[1] === weight.shape[1], "x and weight of one width");
    const rows = dimAt(x.shape, 0);
    require(parseDim(rows).factor % rowChunks ===
      0, `${rows} rows do not make ${rowChunks} equal parts`);
    require(labels?.type === "int64" && labels.shape[0] === rows, "a label for each row");
    require(coefficients?.shape[0] === rows, "a coefficient for each row");
    if (results === "evaluation") return [float([1]), float([rows]), float([rows])];
    const both = [float([1]), float(x.shape)];
    return results === "training" ? both : [...both, float(weight.shape)];
  },
  SoftmaxCrossEntropyGradient: unary,
  ArgMaxHit(inputs) {
    return [float([dimAt(at(inputs, 0).shape, 0)])];
  },
  TokenLosses(inputs) {
    return [float([dimAt(at(inputs, 0).shape, 0)])];
  },
  DropoutMask(inputs, { site }) {
    const sites = staticAxis(at(inputs, 2), 0);
    require(site < sites, `site ${site} of ${sites}`);
    return [float(at(inputs, 0).shape)];
  },
};
