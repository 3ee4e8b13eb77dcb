import { evaluateDim } from "./dim.ts";
import type { Graph, Node, NodeOf, Value } from "./graph.ts";
import type { ElementType, OpType } from "./ops.ts";

const BYTES: Record<ElementType, number> = {
  float32: 4,
  float16: 2,
  bfloat16: 2,
  int64: 8,
  int8: 1,
  int4: 0.5,
};

/** Results that share their operand's memory. */
const ALIASES: ReadonlySet<OpType> = new Set<OpType>(["Reshape", "After"]);
/** Results that may take over the memory of an operand that nobody reads afterwards. */
const IN_PLACE: ReadonlySet<OpType> = new Set<OpType>(["Add", "Sub", "Mul", "Scale"]);

/**
 * Bytes that the results of a run take at most at one time, the nodes run in their order: what is
 * fed and what lies in the checkpoint does not count.
 * @param sizes value of every symbolic dimension
 */
export function peakBytes(graph: Graph, sizes: Readonly<Record<string, number>>): number {
  const symbols = new Map(Object.entries(sizes));
  const bytesOf = ({ type, shape }: Value): number =>
    shape.reduce<number>((size, dim) => size * evaluateDim(dim, symbols), BYTES[type]);
  const owners = new Map<Value, Value>();
  const owner = (value: Value): Value => owners.get(value) ?? value;
  for (const { op, inputs, outputs } of graph.nodes) {
    const [from, to] = [inputs[0], outputs[0]];
    if (ALIASES.has(op) && from && to) owners.set(to, owner(from));
  }
  const lastUse = new Map<Value, number>();
  graph.nodes.forEach(({ inputs, outputs }, index) => {
    for (const value of [...inputs, ...outputs]) lastUse.set(owner(value), index);
  });
  for (const value of graph.outputs) lastUse.set(owner(value), Infinity);
  const held = new Map<Value, number>();
  let now = 0;
  let peak = 0;
  graph.nodes.forEach((node, index) => {
    const ends = (value: Value): boolean => lastUse.get(owner(value)) === index;
    const freed = new Set(node.inputs.filter(ends).map(owner));
    let added = 0;
    if (!ALIASES.has(node.op)) {
      for (const value of node.outputs) {
        held.set(value, bytesOf(value));
        added += bytesOf(value);
      }
    }
    if (IN_PLACE.has(node.op)) {
      const taken = [...freed].find((value) => (held.get(value) ?? 0) >= added);
      if (taken) {
        freed.delete(taken);
        held.delete(taken);
        added = 0;
      }
    }
    now += added;
    peak = Math.max(peak, now + insideBytes(node, bytesOf));
    for (const value of [...freed, ...node.outputs.filter(ends)]) {
      now -= held.get(value) ?? 0;
      held.delete(value);
    }
  });
  return peak;
}

type Bytes = (value: Value) => number;

/** What an operation needs for itself while it runs; all others need next to nothing. */
const INSIDE: { readonly [T in OpType]?: (node: NodeOf<T>, bytesOf: Bytes) => number } = {
  // Scores beside the masked scores.
  Attention: ({ outputs }, bytesOf) => bytesOf(outputs[1] as Value),
  AttentionProbabilities: ({ outputs }, bytesOf) => bytesOf(outputs[0] as Value),
  LinearCrossEntropy({ inputs, attributes: { rowChunks, vocabularyChunks } }, bytesOf) {
    const [x, weight] = inputs as [Value, Value];
    const width = weight.shape[1] as number;
    const rows = bytesOf(x) / (BYTES[x.type] * width) / rowChunks;
    const vocabulary = (weight.shape[0] as number) / vocabularyChunks;
    const cast = weight.type === "float32" ? 0 : vocabulary * width * BYTES.float32;
    // Logits and probabilities of one part.
    return 2 * rows * vocabulary * BYTES.float32 + cast;
  },
};

function insideBytes<T extends OpType>(node: Node & { op: T }, bytesOf: Bytes): number {
  return INSIDE[node.op]?.(node as unknown as NodeOf<T>, bytesOf) ?? 0;
}
