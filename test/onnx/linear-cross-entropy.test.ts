/** The fused loss in every way it may be cut, against logits that exist whole, in double precision. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { xorshift128plus } from "pure-rand/generator/xorshift128plus";
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { Graph } from "../../src/graph/graph.ts";
import type { OpAttributes } from "../../src/graph/ops.ts";
import { OrtSession } from "../../src/onnx-engine/ort-session.ts";
import { assertClose } from "../support/assert-close.ts";
import { type Tensor64, interpret, tensor } from "../support/interpreter.ts";

const [WIDTH, VOCABULARY] = [5, 23];
const TOLERANCE = { rtol: 3e-6, atol: 1e-6 };

type Cut = OpAttributes["LinearCrossEntropy"];

/** Rows come in twelfths, so that any of the cuts fits any size. */
function headGraph(cut: Cut): Graph {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", ["12*R", WIDTH]);
  const weight = b.input("weight", "float32", [VOCABULARY, WIDTH]);
  const labels = b.input("labels", "int64", ["12*R"]);
  const coefficients = b.input("coefficients", "float32", ["12*R"]);
  return b.build(b.emit("LinearCrossEntropy", [x, weight, labels, coefficients], cut));
}

function drawn(seed: number, rows: number): Record<string, Tensor64> {
  const random = xorshift128plus(seed);
  const floats = (shape: readonly number[], length: number): Tensor64 =>
    tensor(
      shape,
      Float32Array.from({ length }, () => random.next() / 2 ** 30),
    );
  return {
    x: floats([rows, WIDTH], rows * WIDTH),
    weight: floats([VOCABULARY, WIDTH], VOCABULARY * WIDTH),
    // Few labels for many rows: the gradients of repeated ones add up.
    labels: tensor(
      [rows],
      Float64Array.from({ length: rows }, () => (random.next() >>> 0) % 7),
    ),
    coefficients: tensor(
      [rows],
      Float32Array.from({ length: rows }, (_, row) =>
        row % 5 === 0 ? 0 : random.next() / 2 ** 31,
      ),
    ),
  };
}

async function opened(cut: Cut) {
  const graph = headGraph(cut);
  const session = await OrtSession.create(graph, {
    weightsDir: ".",
    locate: () => assert.fail("no weights"),
    threads: 1,
    prepack: false,
  });
  const run = async (feeds: Readonly<Record<string, Tensor64>>, R: number) => {
    const { x, weight, labels, coefficients } = feeds;
    const outputs = await session.run(
      {
        x: Float32Array.from(x!.data),
        weight: Float32Array.from(weight!.data),
        labels: BigInt64Array.from(labels!.data, BigInt),
        coefficients: Float32Array.from(coefficients!.data),
      },
      { R },
    );
    return graph.outputs.map(({ name }) => outputs[name]!.data as Float32Array);
  };
  return { graph, run, dispose: () => session.dispose() };
}

const CUTS = [
  { rowChunks: 1, vocabularyChunks: 1 },
  { rowChunks: 4, vocabularyChunks: 1 },
  { rowChunks: 12, vocabularyChunks: 1 },
  { rowChunks: 1, vocabularyChunks: 2 },
  // 23 in eights of 3: the last is short.
  { rowChunks: 1, vocabularyChunks: 8 },
  { rowChunks: 1, vocabularyChunks: 23 },
];

for (const results of ["evaluation", "training", "weightGradient"] as const) {
  for (const chunks of CUTS) {
    const { rowChunks, vocabularyChunks } = chunks;
    test(`${results} in ${rowChunks} parts of rows, ${vocabularyChunks} of the vocabulary`, async () => {
      const { graph, run, dispose } = await opened({ ...chunks, results });
      for (const R of [1, 3]) {
        const feeds = drawn(R, 12 * R);
        const expected = interpret(graph, feeds, { R });
        const found = await run(feeds, R);
        expected.forEach(({ data }, i) =>
          assertClose(found[i]!, data, TOLERANCE, `result ${i}, seed ${R}`),
        );
      }
      await dispose();
    });
  }
}

for (const chunks of CUTS) {
  const { rowChunks, vocabularyChunks } = chunks;
  test(`scores of hundreds stay finite in ${rowChunks} and ${vocabularyChunks} parts`, async () => {
    const { run, dispose } = await opened({ ...chunks, results: "evaluation" });
    const rows = 12;
    // Row r scores 100·(v − 11) for word v: the last word wins by 100, word 0 is 2,200 behind it.
    const feeds = {
      x: tensor(
        [rows, WIDTH],
        Float64Array.from({ length: rows * WIDTH }, (_, i) => (i % WIDTH === 0 ? 100 : 0)),
      ),
      weight: tensor(
        [VOCABULARY, WIDTH],
        Float64Array.from({ length: VOCABULARY * WIDTH }, (_, i) =>
          i % WIDTH === 0 ? i / WIDTH - 11 : 0,
        ),
      ),
      labels: tensor(
        [rows],
        Float64Array.from({ length: rows }, (_, row) => (row === 0 ? 0 : 22)),
      ),
      coefficients: tensor([rows], new Float64Array(rows).fill(1)),
    };
    const [loss, hits, own] = await run(feeds, 1);
    assertClose(loss!, [2200], { rtol: 1e-6 }, "loss");
    assert.deepEqual([...hits!], [0, ...Array.from({ length: 11 }, () => 1)]);
    assertClose(own!, [2200, ...Array.from({ length: 11 }, () => 0)], { rtol: 1e-6 }, "own");
    await dispose();
  });
}
