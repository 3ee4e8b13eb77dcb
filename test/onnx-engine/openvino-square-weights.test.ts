/** Weights that forward and backward read in two ways: what OpenVINO's processor plugin confuses where they are square (docs/openvino-float32.md). */
import { type TestContext, test } from "node:test";
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { Graph, Value } from "../../src/graph/graph.ts";
import type { ElementType } from "../../src/graph/ops.ts";
import { openvinoRuntime } from "../../src/onnx-engine/openvino-session.ts";
import type { Precision } from "../../src/protocol/engines/onnx.ts";
import { assertClose } from "../support/assert-close.ts";
import { type Tensor64, interpret, tensor } from "../support/interpreter.ts";
import { testedOpenvino } from "../support/openvino-runtime.ts";
import { type Inputs, drawn, runGraph, storeWeights } from "../support/run-graph.ts";

const openvino = await testedOpenvino();

const TOLERANCES = { float32: { rtol: 1e-5 }, bfloat16: { rtol: 0.02 } } as const;
const PRECISIONS = ["float32", "bfloat16"] as const;
const skipOf = (precision: Precision) =>
  precision === "float32" ? openvino.skip : openvino.skipBfloat16;

/** As the system packs them: at 64 the fault shows in both precisions. */
const WIDTH = 64;
const ROWS = 24;

/** Rounded to bfloat16: the bits that a file holds, and what they say. */
function brain(values: Tensor64): { stored: Uint8Array; read: Tensor64 } {
  const bits = new Uint32Array(Float32Array.from(values.data).buffer).map((word) => word >>> 16);
  const read = new Float32Array(bits.map((word) => word << 16).buffer);
  return {
    stored: new Uint8Array(Uint16Array.from(bits).buffer),
    read: tensor(values.shape, read),
  };
}

/** @param stored by name, drawn anew */
async function agree(
  t: TestContext,
  graph: Graph,
  { inputs, precision }: { inputs: Inputs; precision: Precision },
): Promise<void> {
  const values: Record<string, Tensor64> = {};
  const parts: Record<string, Uint8Array | Float32Array> = {};
  for (const [index, { name, type, shape }] of graph.weights.entries()) {
    const all = drawn(100 + index, shape as readonly number[]);
    const half = brain(all);
    values[name] = type === "bfloat16" ? half.read : all;
    parts[name] = type === "bfloat16" ? half.stored : Float32Array.from(all.data);
  }
  const expected = interpret(graph, { ...inputs, ...values });
  const runtime = openvinoRuntime(openvino.target(precision));
  const found = await runGraph(graph, inputs, { runtime, weights: storeWeights(t, parts) });
  expected.forEach(({ data }, index) => {
    assertClose(found[index]!, data, TOLERANCES[precision], `result ${index}`);
  });
}

function weight(
  b: GraphBuilder,
  name: string,
  { type, shape }: { type: ElementType; shape: [number, number] },
): Value {
  return b.asFloat32(b.weight(name, type, shape));
}

for (const precision of PRECISIONS) {
  for (const type of ["float32", "bfloat16"] as const) {
    test(
      `two square ${type} weights, each read both ways, in ${precision}`,
      {
        skip: skipOf(precision),
      },
      async (t) => {
        const b = new GraphBuilder();
        const x = b.input("x", "float32", [ROWS, WIDTH]);
        const d = b.input("d", "float32", [ROWS, WIDTH]);
        const results = ["q", "o"].flatMap((name) => {
          const w = weight(b, name, { type, shape: [WIDTH, WIDTH] });
          return [b.gemm(x, w, { transB: true }), b.gemm(d, w), b.gemm(d, w, { alpha: 0.5, c: x })];
        });
        const inputs = { x: drawn(1, [ROWS, WIDTH]), d: drawn(2, [ROWS, WIDTH]) };
        await agree(t, b.build(results), { inputs, precision });
      },
    );

    const heads = {
      "as many words as the width": { words: WIDTH, rowChunks: 1, vocabularyChunks: 1 },
      "as many words as the width, by rows": { words: WIDTH, rowChunks: 2, vocabularyChunks: 1 },
      "slices of as many words as the width": {
        words: 3 * WIDTH,
        rowChunks: 1,
        vocabularyChunks: 3,
      },
    };
    for (const [how, { words, ...chunks }] of Object.entries(heads)) {
      test(
        `a ${type} head of ${how}, in ${precision}`,
        {
          skip: skipOf(precision),
        },
        async (t) => {
          const b = new GraphBuilder();
          const x = b.input("x", "float32", [ROWS, WIDTH]);
          const head = b.weight("head", type, [words, WIDTH]);
          const labels = b.input("labels", "int64", [ROWS]);
          const coefficients = b.input("coefficients", "float32", [ROWS]);
          const results = b.emit("LinearCrossEntropy", [x, head, labels, coefficients], {
            ...chunks,
            results: "training",
          });
          const { data } = drawn(3, [ROWS, WIDTH]);
          const inputs = {
            // Small, so that no word takes all of the probability.
            x: tensor(
              [ROWS, WIDTH],
              data.map((value) => Math.fround(0.05 * value)),
            ),
            labels: tensor(
              [ROWS],
              Float64Array.from({ length: ROWS }, (_, i) => (7 * i) % words),
            ),
            coefficients: drawn(4, [ROWS]),
          };
          await agree(t, b.build(results.slice(0, 2)), { inputs, precision });
        },
      );
    }
  }
}
