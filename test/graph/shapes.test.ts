/** What is inferred is compared with what ONNX Runtime's kernels give; what is refused, with the sentence that says why. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { GraphBuilder } from "../../src/graph/builder.ts";
import { evaluateDim } from "../../src/graph/dim.ts";
import type { Graph, Value } from "../../src/graph/graph.ts";
import { ShapeError } from "../../src/graph/shapes.ts";
import { OrtSession } from "../../src/onnx-engine/ort-session.ts";
import type { Feed } from "../../src/onnx-engine/runtime.ts";
import { OP_CASES } from "../support/op-cases.ts";
import { buildOpGraph } from "../support/op-graph.ts";

/** Runs the graph with every value of its nodes as an output: name → what came of it. */
async function dimsOf(
  graph: Graph,
  feeds: Readonly<Record<string, Feed>>,
  sizes: Readonly<Record<string, number>> = {},
): Promise<Record<string, readonly number[]>> {
  const outputs = graph.nodes.flatMap((node) => node.outputs);
  const session = await OrtSession.create(
    { ...graph, outputs },
    { weightsDir: ".", locate: () => assert.fail("no weights"), threads: 1, prepack: true },
  );
  const results = await session.run(feeds, sizes);
  await session.dispose();
  return Object.fromEntries(Object.entries(results).map(([name, { dims }]) => [name, dims]));
}

for (const op of OP_CASES) {
  test(`${op.name}: every value, forward and backward, has the shape that was inferred`, async () => {
    const { graph, feeds } = buildOpGraph(op);
    const fed = Object.fromEntries(
      graph.inputs.map(({ name, type }): [string, Feed] => {
        const { data } = feeds[name]!;
        return [
          name,
          type === "int64" ? BigInt64Array.from(data, BigInt) : Float32Array.from(data),
        ];
      }),
    );
    const dims = await dimsOf(graph, fed);
    for (const { name, shape } of graph.nodes.flatMap((node) => node.outputs)) {
      assert.deepEqual(dims[name], shape, name);
    }
  });
}

test("symbols stand for any size: attention of rows cut to multiples of L", async () => {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", ["N", 6]);
  const y = b.input("y", "float32", ["2*L", 6]);
  const mask = b.input("mask", "float32", [1, 1, "N", "L"]);
  const q = b.reshape(x, [1, 2, "N", 3]);
  const [first, second] = b.split(y, { axis: 0, sizes: ["L", "L"] }) as [Value, Value];
  const k = b.reshape(first, [1, 2, "L", 3]);
  const v = b.reshape(second, [1, 2, "L", 3]);
  const [o, p] = b.emit("Attention", [q, k, v, mask], { scale: 1 }) as [Value, Value];
  const late = b.apply("Slice", [y], { axis: 0, start: "L", end: "2*L" });
  const wide = b.apply("Pad", [late], { axis: 0, before: "L", after: 0 });
  const graph = b.build([o, wide]);
  assert.deepEqual([o.shape, p.shape], [q.shape, [2, "N", "L"]]);
  assert.deepEqual(
    [late.shape, wide.shape],
    [
      ["L", 6],
      ["2*L", 6],
    ],
  );
  for (const sizes of [
    { N: 1, L: 1 },
    { N: 4, L: 3 },
  ]) {
    const { N, L } = sizes;
    const fed = { x: new Float32Array(6 * N), y: new Float32Array(12 * L) };
    const dims = await dimsOf(graph, { ...fed, mask: new Float32Array(N * L) }, sizes);
    const symbols = new Map(Object.entries(sizes));
    for (const { name, shape } of graph.nodes.flatMap((node) => node.outputs)) {
      const expected = shape.map((dim) => evaluateDim(dim, symbols));
      assert.deepEqual(dims[name], expected, `${name} at N=${N}, L=${L}`);
    }
  }
});

interface Refused {
  what: string;
  emit: (b: GraphBuilder, float: (...shape: (number | string)[]) => Value) => unknown;
  says: RegExp;
}

const PRODUCT = { transA: false, transB: false, alpha: 1 };
const HEAD = { rowChunks: 1, vocabularyChunks: 1, results: "training" } as const;
const int64 = (b: GraphBuilder, ...shape: (number | string)[]): Value =>
  b.input("ids", "int64", shape);

const REFUSED: readonly Refused[] = [
  {
    what: "a product over unlike inner dimensions",
    emit: (b, float) => b.gemm(float("N", 4), float(5, 3)),
    says: /^Gemm: inner dimensions differ: \[N,4\] · \[5,3\]$/u,
  },
  {
    what: "a transposed product that fits only untransposed",
    emit: (b, float) => b.gemm(float("N", 4), float(4, 3), { transB: true }),
    says: /^Gemm: inner dimensions differ/u,
  },
  {
    what: "a bias as long as the rows",
    emit: (b, float) => b.gemm(float(2, 4), float(4, 3), { c: float(2) }),
    says: /^Gemm: C x2 \[2\] does not fit \[2,3\]$/u,
  },
  {
    what: "a Gemm of three axes",
    emit: (b, float) => b.gemm(float(1, 2, 4), float(4, 3)),
    says: /^Gemm: x0 \[1,2,4\] should have 2 axes$/u,
  },
  {
    what: "batches that differ",
    emit: (b, float) => b.apply("MatMul", [float("B", 2, 4), float(3, 4, 2)], PRODUCT),
    says: /^MatMul: batches differ: B and 3$/u,
  },
  {
    what: "a sum of shapes that do not broadcast",
    emit: (b, float) => b.add(float("N", 4), float("N", 3)),
    says: /^Add: x0 \[N,4\] and x1 \[N,3\] do not broadcast$/u,
  },
  {
    what: "a symbol against a number",
    emit: (b, float) => b.mul(float("N", 4), float(2, 4)),
    says: /^Mul: .* do not broadcast$/u,
  },
  {
    what: "a reshape to another count",
    emit: (b, float) => b.reshape(float("N", 6), ["N", 5]),
    says: /^Reshape: \[N,6\] cannot become \[N,5\]$/u,
  },
  {
    what: "a permutation of too few axes",
    emit: (b, float) => b.transpose(float(2, 3, 4), [1, 0]),
    says: /^Transpose: perm \[1,0\] for 3 axes$/u,
  },
  {
    what: "a joint size that is not the sum",
    emit: (b, float) => b.apply("Concat", [float(2, 3), float(2, 4)], { axis: 1, size: 8 }),
    says: /^Concat: joint size is 7, not 8$/u,
  },
  {
    what: "joining what differs on another axis",
    emit: (b, float) => b.apply("Concat", [float(2, 3), float(4, 3)], { axis: 1, size: 6 }),
    says: /^Concat: x1 \[4,3\] does not join \[2,3\]$/u,
  },
  {
    what: "pieces that leave a rest",
    emit: (b, float) => b.split(float(2, 7), { axis: 1, sizes: [3, 3] }),
    says: /^Split: \[3,3\] of x0$/u,
  },
  {
    what: "a slice past the end",
    emit: (b, float) => b.apply("Slice", [float("2*L", 3)], { axis: 0, start: "L", end: "3*L" }),
    says: /^Slice: \[L,3\*L\) is outside axis 0 of x0 \[2\*L,3\]$/u,
  },
  {
    what: "an empty slice",
    emit: (b, float) => b.apply("Slice", [float(5)], { axis: 0, start: 2, end: 2 }),
    says: /^Slice: \[2,2\) is outside/u,
  },
  {
    what: "a slice from before the start",
    emit: (b, float) => b.apply("Slice", [float(5)], { axis: 0, start: -1, end: 2 }),
    says: /^Slice: \[-1,2\) is outside/u,
  },
  {
    what: "rows chosen by floats",
    emit: (b, float) => b.apply("GatherRows", [float(5, 2), float(3)], {}),
    says: /^GatherRows: indices x1 must be int64$/u,
  },
  {
    what: "more updates than rows to add them to",
    emit: (b, float) => b.apply("ScatterAddRows", [int64(b, 3), float(4, 2), float(9, 2)], {}),
    says: /^ScatterAddRows: as many indices as updates$/u,
  },
  {
    what: "updates of another width",
    emit: (b, float) => b.apply("ScatterAddRows", [int64(b, 3), float(3, 2), float(9, 4)], {}),
    says: /^ScatterAddRows: rows of the same width$/u,
  },
  {
    what: "floats to dequantise",
    emit: (b, float) => b.apply("Dequantize", [float(4, 32), float(4)], { shape: [8, 16] }),
    says: /^Dequantize: x0 is float32$/u,
  },
  {
    what: "a scale too few",
    emit: (b, float) => {
      const codes = b.input("codes", "int8", [4, 32]);
      return b.apply("Dequantize", [codes, float(3)], { shape: [8, 16] });
    },
    says: /^Dequantize: x0: a scale per block$/u,
  },
  {
    what: "a norm's weight of another width",
    emit: (b, float) => b.apply("RmsNorm", [float("N", 6), float(5)], { epsilon: 1e-5 }),
    says: /^RmsNorm: weight \[5\]$/u,
  },
  {
    what: "a rotation of a width that is no multiple of a head",
    emit: (b, float) =>
      b.apply("Rope", [float("N", 8), int64(b, "N", 1), float(9, 3), float(9, 3)], {}),
    says: /^Rope: x \[N,H·D\] for cos \[M,D\/2\]$/u,
  },
  {
    what: "three query heads for two key heads",
    emit: (b, float) => {
      const key = float("B", 2, "S", 4);
      const inputs = [float("B", 3, "T", 4), key, key, float(1, 1, "T", "S")];
      return b.apply("Attention", inputs, { scale: 1 });
    },
    says: /^Attention: query heads must be a multiple of key heads$/u,
  },
  {
    what: "a mask of the wrong side",
    emit: (b, float) => {
      const key = float("B", 2, "S", 4);
      const inputs = [float("B", 2, "T", 4), key, key, float(1, 1, "S", "T")];
      return b.apply("Attention", inputs, { scale: 1 });
    },
    says: /^Attention: mask \[M,1,T,S\]$/u,
  },
  {
    what: "rows that do not make equal parts",
    emit: (b, float) => {
      const inputs = [float("3*R", 4), float(9, 4), int64(b, "3*R"), float("3*R")];
      return b.apply("LinearCrossEntropy", inputs, { ...HEAD, rowChunks: 2 });
    },
    says: /^LinearCrossEntropy: 3\*R rows do not make 2 equal parts$/u,
  },
  {
    what: "a label too few",
    emit: (b, float) => b.apply("SoftmaxCrossEntropy", [float(4, 7), int64(b, 3), float(4)], {}),
    says: /^SoftmaxCrossEntropy: a label for each row of logits$/u,
  },
  {
    what: "a dropout site beyond the last",
    emit: (b, float) =>
      b.apply("DropoutMask", [float("N", 4), float(99), int64(b, 2)], { site: 2 }),
    says: /^DropoutMask: site 2 of 2$/u,
  },
  {
    what: "an operand that is not there",
    emit: (b, float) => b.apply("Mul", [float(3)], {}),
    says: /^Mul: input 1 is missing$/u,
  },
];

for (const { what, emit, says } of REFUSED) {
  test(`${what} is refused as the node is added, and leaves no node behind`, () => {
    const b = new GraphBuilder();
    let count = 0;
    const float = (...shape: (number | string)[]): Value =>
      b.input(`x${count++}`, "float32", shape);
    assert.throws(
      () => emit(b, float),
      (error: unknown) => {
        assert.ok(error instanceof ShapeError, String(error));
        assert.match(error.message, says);
        return true;
      },
    );
    assert.equal(b.nodes.length, 0);
  });
}
