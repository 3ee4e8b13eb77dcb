import type { GraphBuilder } from "../../src/graph/builder.ts";
import type { Value } from "../../src/graph/graph.ts";

export interface OpCase {
  name: string;
  /** Float inputs in order; those named in `wrt` are differentiated. */
  shapes: Record<string, readonly number[]>;
  ints?: Record<string, { shape: readonly number[]; data: readonly number[] }>;
  wrt: readonly string[];
  apply: (b: GraphBuilder, inputs: Record<string, Value>) => Value;
}

/** Tiny inputs for every differentiable operation; each flag and each broadcast has a case. */
export const OP_CASES: readonly OpCase[] = [
  ...[false, true].flatMap((transA) =>
    [false, true].map((transB): OpCase => ({
      name: `Gemm transA=${transA} transB=${transB} with C and alpha`,
      shapes: { a: transA ? [4, 3] : [3, 4], b: transB ? [5, 4] : [4, 5], c: [3, 5] },
      wrt: ["a", "b", "c"],
      apply: (b, x) => b.gemm(x["a"]!, x["b"]!, { c: x["c"], transA, transB, alpha: 0.7 }),
    })),
  ),
  {
    name: "Gemm with a bias as C",
    shapes: { a: [3, 4], b: [5, 4], c: [5] },
    wrt: ["a", "b", "c"],
    apply: (b, x) => b.gemm(x["a"]!, x["b"]!, { c: x["c"], transB: true }),
  },
  ...[false, true].flatMap((transA) =>
    [false, true].map((transB): OpCase => ({
      name: `MatMul transA=${transA} transB=${transB}`,
      shapes: { a: transA ? [2, 4, 3] : [2, 3, 4], b: transB ? [2, 5, 4] : [2, 4, 5] },
      wrt: ["a", "b"],
      apply: (b, x) => b.matMul(x["a"]!, x["b"]!, { transA, transB, alpha: 1.3 }),
    })),
  ),
  ...(["Add", "Sub", "Mul"] as const).flatMap((op): OpCase[] => [
    {
      name: `${op} of one shape`,
      shapes: { a: [2, 3], b: [2, 3] },
      wrt: ["a", "b"],
      apply: (b, x) => b.apply(op, [x["a"]!, x["b"]!], {}),
    },
    {
      name: `${op} with both sides broadcast`,
      shapes: { a: [2, 1, 3], b: [4, 1] },
      wrt: ["a", "b"],
      apply: (b, x) => b.apply(op, [x["a"]!, x["b"]!], {}),
    },
  ]),
  {
    name: "Scale",
    shapes: { a: [2, 3] },
    wrt: ["a"],
    apply: (b, x) => b.scale(x["a"]!, -2.5),
  },
  {
    name: "Sigmoid",
    shapes: { a: [2, 3] },
    wrt: ["a"],
    apply: (b, x) => b.apply("Sigmoid", [x["a"]!], {}),
  },
  {
    name: "Softmax",
    shapes: { a: [2, 5] },
    wrt: ["a"],
    apply: (b, x) => b.apply("Softmax", [x["a"]!], {}),
  },
  {
    name: "Reshape",
    shapes: { a: [2, 6] },
    wrt: ["a"],
    apply: (b, x) => b.reshape(x["a"]!, [3, 4]),
  },
  {
    name: "Transpose",
    shapes: { a: [2, 3, 4] },
    wrt: ["a"],
    apply: (b, x) => b.transpose(x["a"]!, [2, 0, 1]),
  },
  {
    name: "ReduceSum",
    shapes: { a: [2, 3, 4] },
    wrt: ["a"],
    apply: (b, x) => b.reduceSum(x["a"]!, [0, 2]),
  },
  {
    name: "Concat",
    shapes: { a: [2, 3], b: [2, 2] },
    wrt: ["a", "b"],
    apply: (b, x) => b.apply("Concat", [x["a"]!, x["b"]!], { axis: 1, size: 5 }),
  },
  {
    name: "Split with a piece that nobody reads",
    shapes: { a: [2, 6] },
    wrt: ["a"],
    apply: (b, x) => {
      const [left, , right] = b.split(x["a"]!, { axis: 1, sizes: [2, 1, 3] });
      return b.concat([right!, left!], 1);
    },
  },
  {
    name: "Slice",
    shapes: { a: [2, 5] },
    wrt: ["a"],
    apply: (b, x) => b.apply("Slice", [x["a"]!], { axis: 1, start: 1, end: 4 }),
  },
  {
    name: "Pad",
    shapes: { a: [2, 3] },
    wrt: ["a"],
    apply: (b, x) => b.apply("Pad", [x["a"]!], { axis: 1, before: 1, after: 2 }),
  },
  {
    name: "GatherRows with a repeated row",
    shapes: { a: [4, 3] },
    ints: { rows: { shape: [5], data: [1, 3, 1, 0, 1] } },
    wrt: ["a"],
    apply: (b, x) => b.apply("GatherRows", [x["a"]!, x["rows"]!], {}),
  },
  {
    name: "SpreadRows and CollectRows with padding between",
    shapes: { a: [3, 2] },
    ints: { there: { shape: [5], data: [1, 0, 0, 2, 0] }, back: { shape: [3], data: [1, 0, 3] } },
    wrt: ["a"],
    apply: (b, x) => {
      const [there, back] = [x["there"]!, x["back"]!];
      const real = b.constant("real", Float32Array.of(1, 1, 0, 1, 0), [5, 1]);
      const spread = b.apply("SpreadRows", [x["a"]!, there, back], {});
      const squared = b.mul(spread, spread);
      return b.apply("CollectRows", [squared, back, there, real], {});
    },
  },
  {
    name: "ScatterAddRows with a repeated row",
    shapes: { updates: [5, 3], like: [4, 3] },
    ints: { rows: { shape: [5], data: [1, 3, 1, 0, 1] } },
    wrt: ["updates"],
    apply: (b, x) => b.apply("ScatterAddRows", [x["rows"]!, x["updates"]!, x["like"]!], {}),
  },
  {
    name: "RmsNorm",
    shapes: { x: [3, 6], w: [6] },
    wrt: ["x", "w"],
    apply: (b, x) => b.apply("RmsNorm", [x["x"]!, x["w"]!], { epsilon: 1e-5 }),
  },
  {
    name: "Rope of three heads",
    shapes: { x: [4, 18], cos: [5, 3], sin: [5, 3] },
    ints: { positions: { shape: [4, 1], data: [0, 4, 2, 1] } },
    wrt: ["x"],
    apply: (b, x) => b.apply("Rope", [x["x"]!, x["positions"]!, x["cos"]!, x["sin"]!], {}),
  },
  {
    name: "Attention with grouped queries and a mask",
    shapes: { q: [2, 4, 3, 6], k: [2, 2, 5, 6], v: [2, 2, 5, 6], mask: [2, 1, 3, 5] },
    wrt: ["q", "k", "v"],
    apply: (b, x) => b.apply("Attention", [x["q"]!, x["k"]!, x["v"]!, x["mask"]!], { scale: 0.4 }),
  },
  {
    name: "SwiGlu",
    shapes: { gate: [3, 4], up: [3, 4] },
    wrt: ["gate", "up"],
    apply: (b, x) => b.apply("SwiGlu", [x["gate"]!, x["up"]!], {}),
  },
  ...(["x", "x and weight"] as const).flatMap((trained) =>
    [
      { rowChunks: 1, vocabularyChunks: 1 },
      { rowChunks: 2, vocabularyChunks: 1 },
      { rowChunks: 1, vocabularyChunks: 3 },
    ].map((chunks): OpCase => ({
      name: `LinearCrossEntropy for ${trained}, ${chunks.rowChunks} row and ${chunks.vocabularyChunks} vocabulary chunks`,
      shapes: { x: [4, 3], weight: [7, 3], coefficients: [4] },
      ints: { labels: { shape: [4], data: [3, 0, 6, 3] } },
      wrt: trained.split(" and "),
      apply: (b, x) =>
        b.apply("LinearCrossEntropy", [x["x"]!, x["weight"]!, x["labels"]!, x["coefficients"]!], {
          ...chunks,
          results: trained === "x" ? "training" : "weightGradient",
        }),
    })),
  ),
  {
    name: "SoftmaxCrossEntropy with a row that does not count",
    shapes: { logits: [4, 7], coefficients: [4] },
    ints: { labels: { shape: [4], data: [3, 0, 6, 2] } },
    wrt: ["logits"],
    apply: (b, x) =>
      b.apply("SoftmaxCrossEntropy", [x["logits"]!, x["labels"]!, x["coefficients"]!], {}),
  },
];
