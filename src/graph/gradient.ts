/**
 * Reverse-mode differentiation over the IR: one rule per operation, which adds the nodes of its
 * vector-Jacobian product to the same builder. Only what lies between the wanted tensors and the
 * loss is differentiated; a frozen tensor's gradient is never formed.
 */
import type { GraphBuilder } from "./builder.ts";
import { type Shape, difference, dimAt, sum } from "./dim.ts";
import type { Node, NodeOf, Value } from "./graph.ts";
import type { OpType } from "./ops.ts";

interface Context<T extends OpType> {
  b: GraphBuilder;
  node: NodeOf<T>;
  /** node.inputs[index], which the shape rule has already checked. */
  readonly input: (index: number) => Value;
  /** One for each result; undefined where the loss does not depend on it. */
  readonly cotangents: readonly (Value | undefined)[];
  /** Whether anybody wants the gradient of input `index`. */
  readonly needs: (index: number) => boolean;
}

/** Cotangent of the node's first result → cotangents of its inputs; undefined means zero or not wanted. */
type GradientRule<T extends OpType> = (
  context: Context<T>,
  cotangent: Value,
) => readonly (Value | undefined)[];

/** Results that do not change with small changes of the inputs, or are taken not to: nothing flows back. */
const PIECEWISE_CONSTANT: ReadonlySet<OpType> = new Set([
  "ArgMaxHit",
  "DropoutMask",
  "InverseRowNorms",
]);

/** Marks operations that no trainable tensor ever passes through. */
function notDifferentiable<T extends OpType>({ node }: Context<T>): never {
  throw new Error(`internal: no gradient passes through ${node.op}`);
}

/** Sums a cotangent over the axes along which its primal was broadcast. */
function reduceTo(b: GraphBuilder, cotangent: Value, shape: Shape): Value {
  const extra = cotangent.shape.length - shape.length;
  const axes = cotangent.shape
    .map((size, axis) => ({ axis, broadcast: axis < extra || shape[axis - extra] !== size }))
    .filter(({ broadcast }) => broadcast)
    .map(({ axis }) => axis);
  const summed = axes.length > 0 ? b.reduceSum(cotangent, axes) : cotangent;
  return extra > 0 ? b.reshape(summed, shape) : summed;
}

/** Pieces of (a·b) whose transposition flags follow those of the product being differentiated. */
function productGradients(
  context: Context<"Gemm"> | Context<"MatMul">,
  dy: Value,
  multiply: GraphBuilder["matMul"],
): [Value | undefined, Value | undefined] {
  const { transA, transB, alpha } = context.node.attributes;
  const [a, b] = [context.input(0), context.input(1)];
  const da = (): Value =>
    transA
      ? multiply(b, dy, { transA: transB, transB: true, alpha })
      : multiply(dy, b, { transB: !transB, alpha });
  const db = (): Value =>
    transB
      ? multiply(dy, a, { transA: true, transB: transA, alpha })
      : multiply(a, dy, { transA: !transA, alpha });
  return [context.needs(0) ? da() : undefined, context.needs(1) ? db() : undefined];
}

/** One rule per operation. Only Split's further results carry cotangents of their own. */
export const GRADIENTS: { readonly [T in OpType]: GradientRule<T> } = {
  Gemm(context, dy) {
    const { b, node, needs } = context;
    const c = node.inputs[2];
    return [
      ...productGradients(context, dy, (x, y, options) => b.gemm(x, y, options)),
      c && needs(2) ? reduceTo(b, dy, c.shape) : undefined,
    ];
  },
  MatMul(context, dy) {
    const { b } = context;
    return productGradients(context, dy, (x, y, options) => b.matMul(x, y, options));
  },
  Add({ b, input, needs }, dy) {
    return [0, 1].map((i) => (needs(i) ? reduceTo(b, dy, input(i).shape) : undefined));
  },
  Sub({ b, input, needs }, dy) {
    return [
      needs(0) ? reduceTo(b, dy, input(0).shape) : undefined,
      needs(1) ? b.scale(reduceTo(b, dy, input(1).shape), -1) : undefined,
    ];
  },
  Mul({ b, input, needs }, dy) {
    return [0, 1].map((i) =>
      needs(i) ? reduceTo(b, b.mul(dy, input(1 - i)), input(i).shape) : undefined,
    );
  },
  Scale({ b, node }, dy) {
    return [b.scale(dy, node.attributes.factor)];
  },
  Sigmoid({ b, node }, dy) {
    const [y] = node.outputs as [Value];
    return [b.mul(dy, b.sub(y, b.mul(y, y)))];
  },
  Reshape({ b, input }, dy) {
    return [b.reshape(dy, input(0).shape)];
  },
  Transpose({ b, node }, dy) {
    const { perm } = node.attributes;
    return [
      b.transpose(
        dy,
        perm.map((_, axis) => perm.indexOf(axis)),
      ),
    ];
  },
  ReduceSum({ b, input }, dy) {
    // Broadcasting against zeros spreads the sum's cotangent back over the reduced axes.
    return [b.add(dy, b.scale(input(0), 0))];
  },
  Concat({ b, node, needs }, dy) {
    const { axis } = node.attributes;
    const sizes = node.inputs.map(({ shape }) => dimAt(shape, axis));
    return b.split(dy, { axis, sizes }).map((piece, index) => (needs(index) ? piece : undefined));
  },
  Split({ b, node, input, cotangents }) {
    const { axis } = node.attributes;
    const pieces = node.outputs.map((value, index) => cotangents[index] ?? b.scale(value, 0));
    return [b.apply("Concat", pieces, { axis, size: dimAt(input(0).shape, axis) })];
  },
  Slice({ b, node, input }, dy) {
    const { axis, start, end } = node.attributes;
    const after = difference(dimAt(input(0).shape, axis), end);
    return [b.apply("Pad", [dy], { axis, before: start, after })];
  },
  Pad({ b, node, input }, dy) {
    const { axis, before } = node.attributes;
    const end = sum([before, dimAt(input(0).shape, axis)]);
    return [b.apply("Slice", [dy], { axis, start: before, end })];
  },
  SpreadRows({ b, input }, dy) {
    return [b.apply("GatherRows", [dy, input(2)], {})];
  },
  CollectRows({ b, input }, dy) {
    return [b.mul(b.apply("GatherRows", [dy, input(2)], {}), input(3))];
  },
  GatherRows({ b, input }, dy) {
    return [b.apply("ScatterAddRows", [input(1), dy, input(0)], {})];
  },
  ScatterAddRows({ b, input }, dy) {
    return [undefined, b.apply("GatherRows", [dy, input(0)], {})];
  },
  Softmax({ b, node }, dy) {
    const [p] = node.outputs as [Value];
    const sum = b.reduceSum(b.mul(dy, p), [p.shape.length - 1]);
    return [b.mul(p, b.sub(dy, sum))];
  },
  InverseRowNorms: notDifferentiable,
  Cast: notDifferentiable,
  Dequantize: notDifferentiable,
  /** With ŷ = x·inv·w and c = Σ dy·ŷ: dx = inv·(dy·w) − x·(inv²·c/C); dw = Σ_rows dy·x·inv. */
  RmsNorm({ b, node, input, needs }, dy) {
    const [x, weight] = [input(0), input(1)];
    const [y, inv] = node.outputs as [Value, Value];
    const width = x.shape[1] as number;
    const dx = (): Value => {
      const c = b.scale(b.reduceSum(b.mul(dy, y), [1]), 1 / width);
      const direct = b.mul(b.mul(dy, weight), inv);
      return b.sub(direct, b.mul(x, b.mul(b.mul(inv, inv), c)));
    };
    const dw = (): Value => reduceTo(b, b.mul(b.mul(dy, x), inv), weight.shape);
    return [needs(0) ? dx() : undefined, needs(1) ? dw() : undefined];
  },
  /** A rotation's transpose is the rotation by the negative angle. */
  Rope({ b, input }, dy) {
    return [b.apply("Rope", [dy, input(1), input(2), b.scale(input(3), -1)], {})];
  },
  /**
   * With P the probabilities and O the output: dV = Pᵀ·dO, dP = dO·Vᵀ, dS = P∘(dP − Σ dO∘O),
   * dq = scale·dS·k, dk = scale·dSᵀ·q. Sums over the query heads of a group happen in the products.
   */
  Attention({ b, node, input }, dy) {
    const { scale } = node.attributes;
    const [q, k, v] = [input(0), input(1), input(2)];
    const [o, p] = node.outputs as [Value, Value];
    const [batch, rows] = [dimAt(p.shape, 0), dimAt(p.shape, 1)];
    const size = dimAt(q.shape, 3);
    const grouped = (x: Value): Value => b.reshape(x, [batch, rows, size]);
    const keyed = (x: Value): Value => b.reshape(x, [batch, dimAt(x.shape, 2), size]);
    const dO = grouped(dy);
    const dv = b.matMul(p, dO, { transA: true });
    const dp = b.matMul(dO, keyed(v), { transB: true });
    const delta = b.reduceSum(b.mul(dO, grouped(o)), [2]);
    const ds = b.mul(p, b.sub(dp, delta));
    const dq = b.matMul(ds, keyed(k), { alpha: scale });
    const dk = b.matMul(ds, grouped(q), { transA: true, alpha: scale });
    return [b.reshape(dq, q.shape), b.reshape(dk, k.shape), b.reshape(dv, v.shape)];
  },
  /**
   * With σ = sigmoid(g), s = g·σ and y = s·up: dup = dy·s, and
   * dg = dy·up·(σ + s·(1 − σ)) = dy·(σ·(up − y) + y).
   */
  SwiGlu({ b, node, input, needs }, dy) {
    const [gate, up] = [input(0), input(1)];
    const [y, silu] = node.outputs as [Value, Value];
    const dgate = (): Value => {
      const sigmoid = b.apply("Sigmoid", [gate], {});
      return b.mul(b.add(b.mul(b.sub(up, y), sigmoid), y), dy);
    };
    return [needs(0) ? dgate() : undefined, needs(1) ? b.mul(dy, silu) : undefined];
  },
  LinearCrossEntropy({ b, node, needs }, dy) {
    const [, dx, dweight] = node.outputs as [Value, Value, Value | undefined];
    if (node.attributes.results === "evaluation" || (needs(1) && !dweight)) {
      throw new Error("internal: this LinearCrossEntropy was built without its gradient");
    }
    return [needs(0) ? b.mul(dx, dy) : undefined, dweight && b.mul(dweight, dy)];
  },
  SoftmaxCrossEntropy({ b, node, input }, dy) {
    const [, probabilities] = node.outputs as [Value, Value];
    const coefficients = b.mul(input(2), dy);
    return [b.apply("SoftmaxCrossEntropyGradient", [probabilities, input(1), coefficients], {})];
  },
  SoftmaxCrossEntropyGradient: notDifferentiable,
  AttentionProbabilities: notDifferentiable,
  After: notDifferentiable,
  ArgMaxHit: notDifferentiable,
  TokenLosses: notDifferentiable,
  DropoutMask: notDifferentiable,
};

function applyRule<T extends OpType>(
  b: GraphBuilder,
  node: Node & { op: T },
  cotangents: readonly (Value | undefined)[],
  wanted: ReadonlySet<Value>,
): readonly (Value | undefined)[] {
  const [first] = cotangents;
  if (!first && node.op !== "Split") throw new Error(`internal: ${node.op} has a cotangent aside`);
  const context: Context<T> = {
    b,
    node: node as unknown as NodeOf<T>,
    input: (index) => node.inputs[index] as Value,
    cotangents,
    needs: (index) => {
      const value = node.inputs[index];
      return value !== undefined && wanted.has(value);
    },
  };
  return GRADIENTS[node.op](context, first as Value);
}

/**
 * Adds the backward pass of `loss` (shape [1]) to the builder.
 * @returns for each tensor of `wrt` its gradient, of the same shape; undefined when the loss does
 *   not depend on it.
 */
export function addGradients(
  b: GraphBuilder,
  loss: Value,
  wrt: readonly Value[],
): readonly (Value | undefined)[] {
  const forward = [...b.nodes];
  const wanted = new Set<Value>(wrt);
  for (const node of forward) {
    if (PIECEWISE_CONSTANT.has(node.op)) continue;
    if (node.inputs.some((value) => wanted.has(value))) {
      for (const value of node.outputs) wanted.add(value);
    }
  }
  const cotangents = new Map<Value, Value>();
  cotangents.set(loss, b.constant("loss.cotangent", new Float32Array([1]), [1]));
  b.scope("backward", () => {
    for (const node of forward.toReversed()) {
      const results = node.outputs.map((value) => cotangents.get(value));
      if (!results.some(Boolean) || !node.inputs.some((value) => wanted.has(value))) continue;
      applyRule(b, node, results, wanted).forEach((gradient, index) => {
        const value = node.inputs[index];
        if (!gradient || !value || !wanted.has(value)) return;
        const sum = cotangents.get(value);
        cotangents.set(value, sum ? b.add(sum, gradient) : gradient);
      });
    }
  });
  return wrt.map((value) => cotangents.get(value));
}
