import type { Graph, Node, Value } from "../graph.ts";

/**
 * Gives every reader of a cast or dequantised weight a cast of its own, right before it. One shared
 * cast would keep a float32 copy of the whole base model alive from the forward to the backward pass.
 */
export function repeatCasts(graph: Graph): Graph {
  const weights = new Set(graph.weights);
  const casts = new Map<Value, Node>();
  const nodes: Node[] = [];
  let copies = 0;
  for (const node of graph.nodes) {
    const [source] = node.inputs;
    const [result] = node.outputs;
    const widens = node.op === "Cast" || node.op === "Dequantize";
    if (widens && source && result && weights.has(source)) {
      casts.set(result, node);
      continue;
    }
    const inputs = node.inputs.map((value) => {
      const cast = casts.get(value);
      if (!cast) return value;
      const copy: Value = { ...value, name: `${value.name}.${copies++}` };
      nodes.push({ ...cast, outputs: [copy] } as Node);
      return copy;
    });
    nodes.push({ ...node, inputs } as Node);
  }
  const outputs = new Set(graph.outputs);
  const kept = [...casts].filter(([value]) => outputs.has(value)).map(([, node]) => node);
  return { ...graph, nodes: [...kept, ...nodes] };
}
