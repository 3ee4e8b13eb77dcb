/** Recomputation changes when values are made, never which: everything else about it is a promise on memory. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { xorshift128plus } from "pure-rand/generator/xorshift128plus";
import { GraphBuilder } from "../../../src/graph/builder.ts";
import { addGradients } from "../../../src/graph/gradient.ts";
import type { Graph, Node, Value } from "../../../src/graph/graph.ts";
import { peakBytes } from "../../../src/graph/peak-memory.ts";
import { type RecomputeOptions, recompute } from "../../../src/graph/passes/recompute.ts";
import { verifyGraph } from "../../../src/graph/verify.ts";
import { elementCount } from "../../../src/util/element-count.ts";
import { type Tensor64, interpret, tensor } from "../../support/interpreter.ts";

const TOKENS = 6;
const WIDTH = 4;
const INNER = 12;

interface Step {
  graph: Graph;
  forward: ReadonlySet<Node>;
  checkpoints: readonly Value[];
  feeds: Record<string, Tensor64>;
}

/** Blocks as a transformer has them: norm, attention over two heads, norm, gated product, each added to the stream. */
function stack(layers: number): Step {
  const b = new GraphBuilder();
  const trained: Value[] = [];
  const made = (name: string, ...shape: number[]): Value => {
    const value = b.input(name, "float32", shape);
    trained.push(value);
    return value;
  };
  const byHead = (x: Value): Value =>
    b.transpose(b.reshape(x, [1, TOKENS, 2, WIDTH / 2]), [0, 2, 1, 3]);
  // As embeddings are: computed, not fed.
  let x = b.scale(made("x", TOKENS, WIDTH), 0.5);
  const mask = b.constant("mask", new Float32Array(TOKENS ** 2), [1, 1, TOKENS, TOKENS]);
  for (let layer = 0; layer < layers; layer++) {
    const weight = (name: string, ...shape: number[]): Value => made(`${layer}.${name}`, ...shape);
    const norm = (name: string): Value =>
      b.apply("RmsNorm", [x, weight(name, WIDTH)], { epsilon: 1e-5 });
    b.checkpoint(x);
    const [q, k, v] = b.split(b.gemm(norm("norm1"), weight("qkv", WIDTH, 3 * WIDTH)), {
      axis: 1,
      sizes: [WIDTH, WIDTH, WIDTH],
    }) as [Value, Value, Value];
    const heads = [byHead(q), byHead(k), byHead(v), mask];
    const attended = b.transpose(b.apply("Attention", heads, { scale: 0.7 }), [0, 2, 1, 3]);
    const flat = b.reshape(attended, [TOKENS, WIDTH]);
    x = b.add(x, b.gemm(flat, weight("out", WIDTH, WIDTH)));
    const y = norm("norm2");
    const [gate, up] = b.split(b.gemm(y, weight("gate_up", WIDTH, 2 * INNER)), {
      axis: 1,
      sizes: [INNER, INNER],
    }) as [Value, Value];
    x = b.add(x, b.gemm(b.apply("SwiGlu", [gate, up], {}), weight("down", INNER, WIDTH)));
  }
  const loss = b.reduceSum(b.flatten(b.mul(x, x)), [0]);
  const forward = new Set(b.nodes);
  const gradients = addGradients(b, loss, trained).map((gradient) => gradient!);
  const graph = b.build([loss, ...gradients]);
  const random = xorshift128plus(layers);
  const feeds = Object.fromEntries(
    trained.map(({ name, shape }): [string, Tensor64] => {
      const sizes = shape as number[];
      const values = Float64Array.from(
        { length: elementCount(sizes) },
        () => random.next() / 2 ** 31,
      );
      return [name, tensor(sizes, values)];
    }),
  );
  return { graph, forward, checkpoints: b.checkpoints, feeds };
}

const recomputed = (step: Step, kept: RecomputeOptions["kept"]): Graph =>
  recompute(step.graph, { kept, ...step });

for (const kept of ["costly", "layers"] as const) {
  for (const layers of [1, 2, 4]) {
    test(`keeping ${kept} of ${layers} layers gives the same loss and gradients to the last bit`, () => {
      const step = stack(layers);
      const graph = recomputed(step, kept);
      verifyGraph(graph);
      const expected = interpret(step.graph, step.feeds);
      const found = interpret(graph, step.feeds);
      expected.forEach(({ data }, index) => {
        assert.deepEqual(found[index]!.data, data, step.graph.outputs[index]!.name);
      });
    });
  }

  test(`the forward pass is the same nodes in the same order when keeping ${kept}`, () => {
    const step = stack(3);
    const before = step.graph.nodes.filter((node) => step.forward.has(node));
    const { nodes } = recomputed(step, kept);
    assert.deepEqual(nodes.slice(0, before.length), before);
  });

  test(`nothing of a layer is made again before the backward pass has begun, keeping ${kept}`, () => {
    const step = stack(3);
    const graph = recomputed(step, kept);
    const late = new Set(
      graph.constants.filter(({ value }) => value.name === "loss.cotangent").map((c) => c.value),
    );
    const copies = graph.nodes.filter(({ outputs }) => outputs[0]!.name.endsWith(".again"));
    assert.ok(copies.length > 0);
    for (const { inputs, outputs } of graph.nodes) {
      if (inputs.some((value) => late.has(value))) for (const value of outputs) late.add(value);
    }
    for (const { outputs } of copies) assert.ok(late.has(outputs[0]!), outputs[0]!.name);
  });
}

test("keeping layers, the backward pass reads of the earlier layers their inputs alone", () => {
  const step = stack(3);
  const last = step.checkpoints.at(-1)!;
  const early = new Set<Value>();
  for (const node of step.graph.nodes) {
    if (node.outputs.includes(last)) break;
    for (const value of node.outputs) early.add(value);
  }
  const { nodes } = recomputed(step, "layers");
  const backward = nodes.filter((node) => !step.forward.has(node));
  const read = new Set(backward.flatMap(({ inputs }) => inputs).filter((v) => early.has(v)));
  const inner = step.checkpoints.slice(0, -1);
  assert.deepEqual([...read], inner.toReversed());
});

test("keeping what is costly, the backward pass reads no probabilities, norms and gates of earlier layers", () => {
  const step = stack(3);
  const last = step.checkpoints.at(-1)!;
  const cheap = new Set<Value>();
  for (const { op, outputs } of step.graph.nodes) {
    if (outputs.includes(last)) break;
    if (op === "SwiGlu" || op === "Split") for (const value of outputs) cheap.add(value);
    if (op === "RmsNorm") cheap.add(outputs[0]!);
    if (op === "Attention") cheap.add(outputs[1]!);
  }
  const { nodes } = recomputed(step, "costly");
  for (const node of nodes) {
    if (step.forward.has(node)) continue;
    const read = node.inputs.filter((value) => cheap.has(value) && !value.name.endsWith(".again"));
    assert.deepEqual(read, [], `${node.op} ${node.outputs[0]!.name}`);
  }
  // The probabilities are made from q and k alone: the product with v is not repeated.
  assert.equal(nodes.filter(({ op }) => op === "AttentionProbabilities").length, 2);
  assert.equal(nodes.filter(({ op }) => op === "Attention").length, 3);
});

test("of many layers the memory falls, more where less is kept", () => {
  const step = stack(8);
  const all = peakBytes(step.graph, {});
  const costly = peakBytes(recomputed(step, "costly"), {});
  const layers = peakBytes(recomputed(step, "layers"), {});
  assert.ok(layers < costly && costly < all, `${layers} < ${costly} < ${all}`);
});

test("a single layer is the last, whose backward pass follows at once: nothing is made again", () => {
  const step = stack(1);
  assert.deepEqual(recomputed(step, "layers").nodes, step.graph.nodes);
});
