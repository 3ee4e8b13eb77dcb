import { sameShape } from "../dim.ts";
import type { Graph, Node, NodeOf, Value } from "../graph.ts";

/**
 * Gemm(a, b) + y becomes Gemm(a, b, C = y): one pass over the result instead of two, and one
 * buffer less. Applies where the product has no C yet, nobody else reads it, and y has its shape.
 */
export function fuseGemmAdd(graph: Graph): Graph {
  const uses = new Map<Value, number>();
  const count = (value: Value): void => void uses.set(value, (uses.get(value) ?? 0) + 1);
  for (const node of graph.nodes) node.inputs.forEach(count);
  graph.outputs.forEach(count);

  const products = new Map<Value, NodeOf<"Gemm">>();
  const fused = new Set<Node>();
  const nodes: Node[] = [];
  for (const node of graph.nodes) {
    const replacement = node.op === "Add" ? fuse(node, products, uses) : undefined;
    if (replacement) fused.add(replacement.gemm);
    const kept = replacement?.node ?? node;
    nodes.push(kept);
    const [result] = kept.outputs;
    if (kept.op === "Gemm" && kept.inputs.length === 2 && result) products.set(result, kept);
  }
  return { ...graph, nodes: nodes.filter((node) => !fused.has(node)) };
}

function fuse(
  add: NodeOf<"Add">,
  products: ReadonlyMap<Value, NodeOf<"Gemm">>,
  uses: ReadonlyMap<Value, number>,
): { node: NodeOf<"Gemm">; gemm: NodeOf<"Gemm"> } | undefined {
  // The later operand first: it is the product still warm in the cache.
  for (const value of add.inputs.toReversed()) {
    const gemm = products.get(value);
    const other = add.inputs.find((input) => input !== value);
    if (!gemm || !other || uses.get(value) !== 1) continue;
    if (!sameShape(other.shape, value.shape)) continue;
    return {
      node: { ...gemm, inputs: [...gemm.inputs, other], outputs: add.outputs },
      gemm,
    };
  }
  return undefined;
}
