import type { Graph, Node, Value } from "../graph.ts";

/** Drops the nodes, weights and constants that no output needs. Inputs stay: they are the contract. */
export function removeDeadCode(graph: Graph): Graph {
  const live = new Set<Value>(graph.outputs);
  const nodes: Node[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((value) => live.has(value))) continue;
    for (const value of node.inputs) live.add(value);
    nodes.push(node);
  }
  return {
    ...graph,
    nodes: nodes.toReversed(),
    weights: graph.weights.filter((value) => live.has(value)),
    constants: graph.constants.filter(({ value }) => live.has(value)),
  };
}
