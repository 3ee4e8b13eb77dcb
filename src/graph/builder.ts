import { type Shape, dimAt, product, sum } from "./dim.ts";
import type { Constant, Graph, Node, NodeOf, Value } from "./graph.ts";
import type { ElementType, OpAttributes, OpType } from "./ops.ts";
import { SHAPES, ShapeError } from "./shapes.ts";
import { removeDeadCode } from "./passes/dead-code.ts";
import { verifyGraph } from "./verify.ts";

/** Collects nodes in order; every result's type and shape is inferred as the node is added. */
export class GraphBuilder {
  readonly #inputs: Value[] = [];
  readonly #weights: Value[] = [];
  readonly #constants: Constant[] = [];
  readonly #nodes: Node[] = [];
  readonly #scope: string[] = [];
  readonly #checkpoints: Value[] = [];
  #counter = 0;

  get nodes(): readonly Node[] {
    return this.#nodes;
  }

  /** Values from which a stretch of the forward pass can be computed again (passes/recompute.ts). */
  get checkpoints(): readonly Value[] {
    return this.#checkpoints;
  }

  checkpoint(value: Value): void {
    this.#checkpoints.push(value);
  }

  /** Values made inside `make` carry `name` in their names, so that a printed graph reads like the model. */
  scope<R>(name: string, make: () => R): R {
    this.#scope.push(name);
    try {
      return make();
    } finally {
      this.#scope.pop();
    }
  }

  input(name: string, type: ElementType, shape: Shape): Value {
    const value = { name, type, shape };
    this.#inputs.push(value);
    return value;
  }

  weight(name: string, type: ElementType, shape: Shape): Value {
    const known = this.#weights.find((value) => value.name === name);
    if (known) return known;
    const value = { name, type, shape };
    this.#weights.push(value);
    return value;
  }

  constant(name: string, data: Float32Array | BigInt64Array, shape: Shape): Value {
    const type = data instanceof Float32Array ? "float32" : "int64";
    const value: Value = { name, type, shape };
    this.#constants.push({ value, data });
    return value;
  }

  /** Adds a node and returns all its results. Throws ShapeError naming the operation. */
  emit<T extends OpType>(
    op: T,
    inputs: readonly Value[],
    attributes: OpAttributes[T],
  ): readonly Value[] {
    const prefix = [...this.#scope, op].join(".");
    try {
      const outputs = SHAPES[op](inputs, attributes).map((typed): Value => ({
        name: `${prefix}_${this.#counter++}`,
        ...typed,
      }));
      const node: NodeOf<T> = { op, inputs, outputs, attributes };
      this.#nodes.push(node as unknown as Node);
      return outputs;
    } catch (error) {
      if (!(error instanceof ShapeError)) throw error;
      throw new ShapeError(`${prefix}: ${error.message}`, { cause: error });
    }
  }

  /** Like `emit`, for operations whose first result is the one that matters. */
  apply<T extends OpType>(op: T, inputs: readonly Value[], attributes: OpAttributes[T]): Value {
    const [first] = this.emit(op, inputs, attributes);
    if (!first) throw new ShapeError(`${op} has no result`);
    return first;
  }

  gemm(
    a: Value,
    b: Value,
    options: { c?: Value | undefined; transA?: boolean; transB?: boolean; alpha?: number } = {},
  ): Value {
    const { c, transA = false, transB = false, alpha = 1 } = options;
    return this.apply("Gemm", c ? [a, b, c] : [a, b], { transA, transB, alpha });
  }

  matMul(
    a: Value,
    b: Value,
    options: { transA?: boolean; transB?: boolean; alpha?: number } = {},
  ): Value {
    const { transA = false, transB = false, alpha = 1 } = options;
    return this.apply("MatMul", [a, b], { transA, transB, alpha });
  }

  add(a: Value, b: Value): Value {
    return this.apply("Add", [a, b], {});
  }

  sub(a: Value, b: Value): Value {
    return this.apply("Sub", [a, b], {});
  }

  mul(a: Value, b: Value): Value {
    return this.apply("Mul", [a, b], {});
  }

  scale(x: Value, factor: number): Value {
    return this.apply("Scale", [x], { factor });
  }

  reshape(x: Value, shape: Shape): Value {
    return this.apply("Reshape", [x], { shape });
  }

  /** Values over the same symbols, or numbers, joined along an axis; one value is itself. */
  concat(values: readonly Value[], axis: number): Value {
    const [only] = values;
    if (only && values.length === 1) return only;
    const size = sum(values.map(({ shape }) => dimAt(shape, axis)));
    return this.apply("Concat", values, { axis, size });
  }

  /** Consecutive pieces; one piece is the value itself. */
  split(x: Value, attributes: OpAttributes["Split"]): readonly Value[] {
    if (attributes.sizes.length === 1) return [x];
    return this.emit("Split", [x], attributes);
  }

  /** To one axis. */
  flatten(x: Value): Value {
    return this.reshape(x, [product(x.shape)]);
  }

  transpose(x: Value, perm: readonly number[]): Value {
    return this.apply("Transpose", [x], { perm });
  }

  reduceSum(x: Value, axes: readonly number[]): Value {
    return this.apply("ReduceSum", [x], { axes });
  }

  /** The float32 form of a stored tensor: itself, or a cast of it at each run. */
  asFloat32(value: Value): Value {
    return value.type === "float32" ? value : this.apply("Cast", [value], { to: "float32" });
  }

  /** The finished graph: what the outputs do not need is dropped, and the rest is verified. */
  build(outputs: readonly Value[]): Graph {
    const graph = removeDeadCode({
      inputs: this.#inputs,
      weights: this.#weights,
      constants: this.#constants,
      nodes: this.#nodes,
      outputs,
    });
    verifyGraph(graph);
    return graph;
  }
}
