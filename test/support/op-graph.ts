import { GraphBuilder } from "../../src/graph/builder.ts";
import { addGradients } from "../../src/graph/gradient.ts";
import type { Graph, Value } from "../../src/graph/graph.ts";
import type { OpCase } from "./op-cases.ts";
import { type Tensor64, tensor } from "./interpreter.ts";
import { elementCount } from "../../src/util/element-count.ts";

/** Values that Python and TypeScript write alike: element i of input n is sin(1 + 0.7 i + 1.3 n). */
function formulaValues(length: number, input: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => Math.sin(1 + 0.7 * i + 1.3 * input));
}

export interface OpGraph {
  /** Outputs: the case's result, then the loss Σ result·probe [1], then a gradient per `wrt`. */
  graph: Graph;
  feeds: Record<string, Tensor64>;
}

export function buildOpGraph(op: OpCase): OpGraph {
  const b = new GraphBuilder();
  const values: Record<string, Value> = {};
  const feeds: Record<string, Tensor64> = {};
  Object.entries(op.shapes).forEach(([name, shape], index) => {
    values[name] = b.input(name, "float32", shape);
    const length = elementCount(shape);
    feeds[name] = tensor(shape, formulaValues(length, index));
  });
  for (const [name, { shape, data }] of Object.entries(op.ints ?? {})) {
    values[name] = b.input(name, "int64", shape);
    feeds[name] = tensor(shape, data);
  }
  const result = op.apply(b, values);
  const shape = result.shape as readonly number[];
  const probe = b.input("probe", "float32", shape);
  feeds["probe"] = tensor(shape, formulaValues(elementCount(shape), 9));
  const flat = b.flatten(b.mul(result, probe));
  const loss = b.reduceSum(flat, [0]);
  const gradients = addGradients(
    b,
    loss,
    op.wrt.map((name) => values[name]!),
  );
  return { graph: b.build([result, loss, ...gradients.map((g) => g!)]), feeds };
}
