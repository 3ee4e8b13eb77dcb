/** Graphs of the operations that carry no gradient (the others are op-cases.ts). */
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { Graph, Value } from "../../src/graph/graph.ts";
import { tensor } from "./interpreter.ts";
import { type Inputs, drawn } from "./run-graph.ts";

export interface ForwardCase {
  graph: Graph;
  inputs: Inputs;
}

export function inverseRowNorms(): ForwardCase {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", [3, 2]);
  const graph = b.build([b.apply("InverseRowNorms", [x], {})]);
  return { graph, inputs: { x: tensor([3, 2], [3, 4, 0, -2, 5, 12]) } };
}

/** Logits that are far apart, and a tie. */
export function hitsAndLosses(): ForwardCase {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", [4, 3]);
  const labels = b.input("labels", "int64", [4]);
  const p = b.apply("Softmax", [x], {});
  const hits = b.apply("ArgMaxHit", [p, labels], {});
  const losses = b.apply("TokenLosses", [x, labels], {});
  const inputs = {
    x: tensor([4, 3], [1, 2, 3, 80, -80, 0, 0, 0, 0, -80, 80, 79]),
    labels: tensor([4], [2, 1, 0, 2]),
  };
  return { graph: b.build([hits, losses]), inputs };
}

/** Alone, and as Attention's second result. */
export function attentionProbabilities(): ForwardCase {
  const b = new GraphBuilder();
  const q = b.input("q", "float32", [2, 4, 3, 6]);
  const k = b.input("k", "float32", [2, 2, 5, 6]);
  const mask = b.input("mask", "float32", [2, 1, 3, 5]);
  const p = b.apply("AttentionProbabilities", [q, k, mask], { scale: 0.4 });
  const [, own] = b.emit("Attention", [q, k, k, mask], { scale: 0.4 }) as [Value, Value];
  const inputs = {
    q: drawn(1, [2, 4, 3, 6]),
    k: drawn(2, [2, 2, 5, 6]),
    mask: drawn(3, [2, 1, 3, 5]),
  };
  return { graph: b.build([p, own]), inputs };
}

export function afterAnother(): ForwardCase {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", [2, 3]);
  const late = b.apply("After", [x, b.apply("Softmax", [b.input("y", "float32", [7])], {})], {});
  return { graph: b.build([late]), inputs: { x: drawn(4, [2, 3]), y: drawn(5, [7]) } };
}

export function dropoutMasks(): ForwardCase {
  const b = new GraphBuilder();
  const like = b.input("like", "float32", [2, 3]);
  const pool = b.input("pool", "float32", [20]);
  const offsets = b.input("offsets", "int64", [3]);
  const masks = [0, 2].map((site) => b.apply("DropoutMask", [like, pool, offsets], { site }));
  const inputs = {
    like: drawn(6, [2, 3]),
    pool: tensor(
      [20],
      Float64Array.from({ length: 20 }, (_, i) => i),
    ),
    offsets: tensor([3], [4, 9, 14]),
  };
  return { graph: b.build(masks), inputs };
}

/** The middle row does not count. */
export function crossEntropyGradient(): ForwardCase {
  const b = new GraphBuilder();
  const logits = b.input("logits", "float32", [3, 4]);
  const labels = b.input("labels", "int64", [3]);
  const coefficients = b.input("coefficients", "float32", [3]);
  const p = b.apply("Softmax", [logits], {});
  const gradient = b.apply("SoftmaxCrossEntropyGradient", [p, labels, coefficients], {});
  const inputs = {
    logits: drawn(7, [3, 4]),
    labels: tensor([3], [3, 1, 0]),
    coefficients: tensor([3], [0.5, 0, -2]),
  };
  return { graph: b.build([gradient]), inputs };
}

function headEvaluation(
  chunks: { rowChunks: number; vocabularyChunks: number } = { rowChunks: 1, vocabularyChunks: 1 },
): ForwardCase {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", [4, 3]);
  const weight = b.input("weight", "float32", [7, 3]);
  const labels = b.input("labels", "int64", [4]);
  const coefficients = b.input("coefficients", "float32", [4]);
  const operands = [x, weight, labels, coefficients];
  const results = b.emit("LinearCrossEntropy", operands, { ...chunks, results: "evaluation" });
  const inputs = {
    x: drawn(8, [4, 3]),
    weight: drawn(9, [7, 3]),
    labels: tensor([4], [3, 0, 6, 3]),
    coefficients: tensor([4], [0.5, 0, -2, 1]),
  };
  return { graph: b.build(results), inputs };
}

export const FORWARD_CASES: Readonly<Record<string, ForwardCase>> = {
  InverseRowNorms: inverseRowNorms(),
  "ArgMaxHit and TokenLosses": hitsAndLosses(),
  AttentionProbabilities: attentionProbabilities(),
  After: afterAnother(),
  DropoutMask: dropoutMasks(),
  SoftmaxCrossEntropyGradient: crossEntropyGradient(),
  "LinearCrossEntropy's losses": headEvaluation(),
  "LinearCrossEntropy's losses by rows": headEvaluation({ rowChunks: 2, vocabularyChunks: 1 }),
  "LinearCrossEntropy's losses by words": headEvaluation({ rowChunks: 1, vocabularyChunks: 3 }),
};
