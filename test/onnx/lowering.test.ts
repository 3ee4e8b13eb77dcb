/**
 * What ONNX Runtime makes of each operation that carries no gradient (test/graph has PyTorch's word on the others),
 * against the same graph in double precision.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { GraphBuilder } from "../../src/graph/builder.ts";
import { assertClose } from "../support/assert-close.ts";
import {
  FORWARD_CASES,
  type ForwardCase,
  afterAnother,
  attentionProbabilities,
  crossEntropyGradient,
  dropoutMasks,
  hitsAndLosses,
  inverseRowNorms,
} from "../support/forward-op-cases.ts";
import { type Tensor64, interpret } from "../support/interpreter.ts";
import { runGraph, storeWeights } from "../support/run-graph.ts";

const TOLERANCE = { rtol: 2e-6, atol: 1e-7 };

/** The graph's results on both sides. */
async function agree({ graph, inputs }: ForwardCase): Promise<readonly Tensor64[]> {
  const expected = interpret(graph, inputs);
  const found = await runGraph(graph, inputs);
  expected.forEach(({ data }, i) => assertClose(found[i]!, data, TOLERANCE, `result ${i}`));
  return expected;
}

for (const [name, op] of Object.entries(FORWARD_CASES)) {
  test(`${name} as in double precision`, async () => void (await agree(op)));
}

test("InverseRowNorms is 1 / the length of each row", async () => {
  const [norms] = await agree(inverseRowNorms());
  assertClose(norms!.data, [1 / 5, 1 / 2, 1 / 13], { rtol: 1e-12 }, "by hand");
});

test("ArgMaxHit and TokenLosses of logits that are far apart, and of a tie", async () => {
  const [hit, loss] = await agree(hitsAndLosses());
  // A tie counts as a hit; the label at −80 beside one at 80 costs 160 nats.
  assert.deepEqual([...hit!.data], [1, 0, 1, 0]);
  const expected = [Math.log(1 + Math.exp(-1) + Math.exp(-2)), 160, Math.log(3)];
  assertClose(loss!.data.subarray(0, 3), expected, { rtol: 1e-12 }, "by hand");
  assertClose(loss!.data.subarray(3), [Math.log1p(Math.exp(1))], { rtol: 1e-12 }, "by hand");
});

test("AttentionProbabilities are Attention's own", async () => {
  const [alone, beside] = await agree(attentionProbabilities());
  assert.deepEqual(alone!.data, beside!.data);
});

test("After is the value itself", async () => {
  const { graph, inputs } = afterAnother();
  const [found] = await runGraph(graph, inputs);
  assert.deepEqual(Float64Array.from(found!), inputs["x"]!.data);
});

test("a dropout mask is a run of the pool from its site's offset on", async () => {
  const [first, last] = await agree(dropoutMasks());
  assert.deepEqual([...first!.data], [4, 5, 6, 7, 8, 9]);
  assert.deepEqual([...last!.data], [14, 15, 16, 17, 18, 19]);
});

test("SoftmaxCrossEntropyGradient of a row that does not count is zero", async () => {
  const [result] = await agree(crossEntropyGradient());
  assert.deepEqual([...result!.data.subarray(4, 8)].map(Math.abs), [0, 0, 0, 0]);
  // Each row's gradient sums to nothing: probabilities and labels both sum to 1.
  for (const row of [0, 2]) {
    const sum = result!.data.subarray(4 * row, 4 * row + 4).reduce((a, c) => a + c, 0);
    assert.ok(Math.abs(sum) < 1e-12, `row ${row}: ${sum}`);
  }
});

for (const type of ["int8", "int4"] as const) {
  test(`Dequantize gives each ${type} code times its block's scale, in the weight's own shape`, async (t) => {
    const limit = type === "int8" ? 128 : 8;
    // Both ends of the range, and what lies between.
    const codes = Array.from({ length: 64 }, (_, i) =>
      i === 0 ? -limit : i === 63 ? limit - 1 : ((i * 5) % limit) - limit / 2,
    );
    // Two codes a byte, the first in the lower half (ONNX, TensorProto.INT4).
    const bytes =
      type === "int8"
        ? Uint8Array.from(codes)
        : Uint8Array.from(
            { length: 32 },
            (_, i) => (codes[2 * i]! & 15) | ((codes[2 * i + 1]! & 15) << 4),
          );
    const scales = Float32Array.of(0.5, -0.25, 2, 0.125);
    const b = new GraphBuilder();
    const stored = b.weight("codes", type, [4, 16]);
    const scale = b.weight("scales", "float32", [4]);
    const graph = b.build([b.apply("Dequantize", [stored, scale], { shape: [8, 8] })]);
    const weights = storeWeights(t, { codes: bytes, scales: scales });
    const [found] = await runGraph(graph, {}, { weights });
    const expected = codes.map((code, i) => code * scales[Math.floor(i / 16)]!);
    assert.deepEqual([...found!], expected);
  });
}

test("half-precision weights are widened exactly", async (t) => {
  const b = new GraphBuilder();
  const [half, brain] = [b.weight("half", "float16", [4]), b.weight("brain", "bfloat16", [4])];
  const graph = b.build([b.asFloat32(half), b.asFloat32(brain)]);
  const bits = (...values: number[]): Uint8Array => new Uint8Array(Uint16Array.from(values).buffer);
  const weights = storeWeights(t, {
    // IEEE binary16: 1, −2, 65504 (the largest), 2⁻²⁴ (the smallest).
    half: bits(0x3c00, 0xc000, 0x7bff, 0x0001),
    // The upper halves of float32: 1, −2, 3.140625, 2⁻¹²⁶.
    brain: bits(0x3f80, 0xc000, 0x4049, 0x0080),
  });
  const [first, second] = await runGraph(graph, {}, { weights });
  assert.deepEqual([...first!], [1, -2, 65504, 2 ** -24]);
  assert.deepEqual([...second!], [1, -2, 3.140625, 2 ** -126]);
});
