import type { Graph, Node, Value } from "./graph.ts";

function printValue({ name, type, shape }: Value): string {
  return `${name}:${type}[${shape.join(",")}]`;
}

/** One line: `y:float32[B*T,64] = Gemm{transB:true}(x, w)`. False flags and factors of 1 are left out. */
export function printNode(node: Node): string {
  const attributes = Object.entries(node.attributes)
    .filter(([, value]) => value !== false && value !== 1)
    .map(([key, value]) => `${key}:${Array.isArray(value) ? `[${value.join(",")}]` : value}`);
  const results = node.outputs.map(printValue).join(", ");
  const inputs = node.inputs.map(({ name }) => name).join(", ");
  return `${results} = ${node.op}{${attributes.join(" ")}}(${inputs})`.replace("{}", "");
}

/** The whole graph as text, for golden tests and for reading. */
export function printGraph(graph: Graph): string {
  return [
    ...graph.inputs.map((value) => `input ${printValue(value)}`),
    ...graph.weights.map((value) => `weight ${printValue(value)}`),
    ...graph.constants.map(({ value }) => `constant ${printValue(value)}`),
    ...graph.nodes.map(printNode),
    `return ${graph.outputs.map(({ name }) => name).join(", ")}`,
  ].join("\n");
}
