import type { Graph, Node, Value } from "../graph.ts";
import type { OpType } from "../ops.ts";

/**
 * What the backward pass finds in memory: `all` of the forward pass; all but what is cheap to make
 * again; or only the inputs of the `layers` (arXiv 1604.06174).
 */
export type Kept = "all" | "costly" | "layers";

/** Results made again rather than kept, by their place among the operation's results. */
const CHEAP: Partial<Record<OpType, readonly number[]>> = {
  RmsNorm: [0],
  SwiGlu: [0, 1],
  Attention: [1],
  CollectRows: [0],
  Concat: [0],
  Reshape: [0],
  Slice: [0],
};
const EVERY_RESULT: readonly OpType[] = ["Split"];

export interface RecomputeOptions {
  kept: Exclude<Kept, "all">;
  /** Nodes of the forward pass; all others belong to the backward pass. */
  forward: ReadonlySet<Node>;
  /** Inputs of the layers, in order. */
  checkpoints: readonly Value[];
}

/**
 * Gives the backward pass its own copies of forward values that are not kept. A copy starts from
 * kept values, held back until the backward pass has come that far (`After`): ONNX Runtime would
 * otherwise run it early and keep its result just as long.
 */
export function recompute(graph: Graph, options: RecomputeOptions): Graph {
  const pass = new Recomputation(graph, options);
  for (const node of graph.nodes) pass.add(node);
  return { ...graph, nodes: pass.nodes };
}

class Recomputation {
  readonly nodes: Node[] = [];
  readonly #forward: ReadonlySet<Node>;
  readonly #producers = new Map<Value, Node>();
  readonly #isKept: (value: Value) => boolean;
  /** Forward value → what the backward pass reads in its place. */
  readonly #copies = new Map<Value, Value>();
  /** Values that follow from the loss; the last is how far the backward pass has come. */
  readonly #cotangents: Set<Value>;
  #progress: Value | undefined;

  constructor(graph: Graph, { kept, forward, checkpoints }: RecomputeOptions) {
    this.#forward = forward;
    for (const node of graph.nodes) {
      if (!forward.has(node)) continue;
      for (const value of node.outputs) this.#producers.set(value, node);
    }
    const atEnd = afterLastCheckpoint(graph.nodes, checkpoints);
    const inputs = new Set(checkpoints);
    this.#isKept = (value) => {
      const node = this.#producers.get(value);
      if (!node || atEnd.has(value) || isWeight(node, graph)) return true;
      return kept === "layers" ? inputs.has(value) : !isCheap(node, value);
    };
    const cotangent = graph.constants.find(({ value }) => value.name === "loss.cotangent");
    this.#cotangents = new Set(cotangent ? [cotangent.value] : []);
  }

  add(node: Node): void {
    if (this.#forward.has(node)) {
      this.nodes.push(node);
      return;
    }
    const inputs = node.inputs.map((value) => (this.#isKept(value) ? value : this.#copy(value)));
    this.nodes.push({ ...node, inputs } as Node);
    if (!node.inputs.some((value) => this.#cotangents.has(value))) return;
    for (const value of node.outputs) this.#cotangents.add(value);
    this.#progress = node.outputs[0];
  }

  #copy(value: Value): Value {
    const known = this.#copies.get(value);
    if (known) return known;
    const node = this.#producers.get(value);
    if (!node) throw new Error(`internal: ${value.name} has no producer`);
    const inputs = node.inputs.map((input) =>
      this.#isKept(input) ? this.#heldBack(input) : this.#copy(input),
    );
    if (node.op === "Attention" && value === node.outputs[1]) {
      const [q, k, , mask] = inputs as [Value, Value, Value, Value];
      return this.#emit(value, {
        op: "AttentionProbabilities",
        inputs: [q, k, mask],
        outputs: [again(value)],
        attributes: node.attributes,
      });
    }
    const outputs = node.outputs.map((output) => this.#copies.get(output) ?? again(output));
    node.outputs.forEach((output, index) => this.#copies.set(output, outputs[index] as Value));
    this.nodes.push({ ...node, inputs, outputs } as Node);
    return this.#copies.get(value) as Value;
  }

  #emit(value: Value, node: Node): Value {
    const result = node.outputs[0] as Value;
    this.nodes.push(node);
    this.#copies.set(value, result);
    return result;
  }

  #heldBack(value: Value): Value {
    const node = this.#producers.get(value);
    // Fed tensors and weights take no memory that waiting would save.
    if (!node || !this.#progress || value.type !== "float32") return value;
    const known = this.#copies.get(value);
    if (known) return known;
    return this.#emit(value, {
      op: "After",
      inputs: [value, this.#progress],
      outputs: [again(value)],
      attributes: {},
    });
  }
}

function again(value: Value): Value {
  return { ...value, name: `${value.name}.again` };
}

function isCheap(node: Node, value: Value): boolean {
  if (EVERY_RESULT.includes(node.op)) return true;
  return CHEAP[node.op]?.includes(node.outputs.indexOf(value)) ?? false;
}

/** Made of weights alone, as a cast to float32 is: passes/repeat-weights gives each reader its own. */
function isWeight(node: Node, { weights }: Graph): boolean {
  return node.inputs.every((input) => weights.includes(input));
}

/** The last layer's backward pass follows at once: making its values again would save nothing. */
function afterLastCheckpoint(
  nodes: readonly Node[],
  checkpoints: readonly Value[],
): ReadonlySet<Value> {
  const last = checkpoints.at(-1);
  const late = new Set<Value>(last ? [last] : []);
  for (const node of nodes) {
    if (node.inputs.some((value) => late.has(value))) {
      for (const value of node.outputs) late.add(value);
    }
  }
  return late;
}
