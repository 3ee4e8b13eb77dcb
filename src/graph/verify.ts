import { sameShape } from "./dim.ts";
import type { Graph, Node, Value } from "./graph.ts";
import type { OpAttributes, OpType } from "./ops.ts";
import { printNode } from "./print.ts";
import { SHAPES, type Typed } from "./shapes.ts";

function infer<T extends OpType>(node: Node & { op: T }): readonly Typed[] {
  return SHAPES[node.op](node.inputs, node.attributes as OpAttributes[T]);
}

/**
 * Checks that every value is defined once and before its use and that every node's stated result
 * types are what its rule infers. Each pass ends with it. Throws an internal error that shows the node.
 */
export function verifyGraph(graph: Graph): void {
  const defined = new Set<Value>();
  const names = new Set<string>();
  const define = (value: Value): void => {
    if (names.has(value.name)) throw new Error(`internal: ${value.name} is defined twice`);
    names.add(value.name);
    defined.add(value);
  };
  graph.inputs.forEach(define);
  graph.weights.forEach(define);
  for (const { value } of graph.constants) define(value);
  for (const node of graph.nodes) {
    for (const input of node.inputs) {
      if (!defined.has(input)) {
        throw new Error(`internal: ${input.name} is used before it is defined: ${printNode(node)}`);
      }
    }
    const inferred = infer(node);
    const agrees = node.outputs.every((value, index) => {
      const expected = inferred[index];
      return expected && expected.type === value.type && sameShape(expected.shape, value.shape);
    });
    if (!agrees) throw new Error(`internal: wrong result type: ${printNode(node)}`);
    node.outputs.forEach(define);
  }
  for (const output of graph.outputs) {
    if (!defined.has(output)) throw new Error(`internal: output ${output.name} is not defined`);
  }
}
