/**
 * What ONNX Runtime makes of each operation that carries no gradient (test/graph has PyTorch's word on the others),
 * against the same graph in double precision.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { xorshift128plus } from "pure-rand/generator/xorshift128plus";
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { Graph, Value } from "../../src/graph/graph.ts";
import type { ExternalLocation } from "../../src/onnx/model-writer.ts";
import { OrtSession } from "../../src/onnx-engine/ort-session.ts";
import type { Feed } from "../../src/onnx-engine/runtime.ts";
import { elementCount } from "../../src/util/element-count.ts";
import { assertClose } from "../support/assert-close.ts";
import { type Tensor64, interpret, tensor } from "../support/interpreter.ts";

const TOLERANCE = { rtol: 2e-6, atol: 1e-7 };

type Inputs = Readonly<Record<string, Tensor64>>;

function drawn(seed: number, shape: readonly number[]): Tensor64 {
  const random = xorshift128plus(seed);
  const length = elementCount(shape);
  // Rounded to float32, so that both sides compute with the same numbers.
  return tensor(
    shape,
    Float32Array.from({ length }, () => random.next() / 2 ** 30),
  );
}

async function run(
  graph: Graph,
  inputs: Inputs,
  weights: { dir: string; locate: (name: string) => ExternalLocation } = {
    dir: ".",
    locate: (name) => assert.fail(`${name} is no weight`),
  },
): Promise<Float32Array[]> {
  const { dir, locate } = weights;
  const session = await OrtSession.create(graph, {
    weightsDir: dir,
    locate,
    threads: 1,
    prepack: false,
  });
  const feeds = Object.fromEntries(
    graph.inputs.map(({ name, type }): [string, Feed] => {
      const { data } = inputs[name]!;
      return [name, type === "int64" ? BigInt64Array.from(data, BigInt) : Float32Array.from(data)];
    }),
  );
  const outputs = await session.run(feeds, {});
  await session.dispose();
  return graph.outputs.map(({ name }) => outputs[name]!.data as Float32Array);
}

/** The graph's results on both sides. */
async function agree(graph: Graph, inputs: Inputs): Promise<readonly Tensor64[]> {
  const expected = interpret(graph, inputs);
  const found = await run(graph, inputs);
  expected.forEach(({ data }, i) => assertClose(found[i]!, data, TOLERANCE, `result ${i}`));
  return expected;
}

test("InverseRowNorms is 1 / the length of each row", async () => {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", [3, 2]);
  const graph = b.build([b.apply("InverseRowNorms", [x], {})]);
  const [norms] = await agree(graph, { x: tensor([3, 2], [3, 4, 0, -2, 5, 12]) });
  assertClose(norms!.data, [1 / 5, 1 / 2, 1 / 13], { rtol: 1e-12 }, "by hand");
});

test("ArgMaxHit and TokenLosses of logits that are far apart, and of a tie", async () => {
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
  const [hit, loss] = await agree(b.build([hits, losses]), inputs);
  // A tie counts as a hit; the label at −80 beside one at 80 costs 160 nats.
  assert.deepEqual([...hit!.data], [1, 0, 1, 0]);
  const expected = [Math.log(1 + Math.exp(-1) + Math.exp(-2)), 160, Math.log(3)];
  assertClose(loss!.data.subarray(0, 3), expected, { rtol: 1e-12 }, "by hand");
  assertClose(loss!.data.subarray(3), [Math.log1p(Math.exp(1))], { rtol: 1e-12 }, "by hand");
});

test("AttentionProbabilities are Attention's own", async () => {
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
  const graph = b.build([p, own]);
  const [alone, beside] = await agree(graph, inputs);
  assert.deepEqual(alone!.data, beside!.data);
});

test("After is the value itself", async () => {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", [2, 3]);
  const late = b.apply("After", [x, b.apply("Softmax", [b.input("y", "float32", [7])], {})], {});
  const inputs = { x: drawn(4, [2, 3]), y: drawn(5, [7]) };
  const [found] = await run(b.build([late]), inputs);
  assert.deepEqual(Float64Array.from(found!), inputs.x.data);
});

test("a dropout mask is a run of the pool from its site's offset on", async () => {
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
  const [first, last] = await agree(b.build(masks), inputs);
  assert.deepEqual([...first!.data], [4, 5, 6, 7, 8, 9]);
  assert.deepEqual([...last!.data], [14, 15, 16, 17, 18, 19]);
});

test("SoftmaxCrossEntropyGradient of a row that does not count is zero", async () => {
  const b = new GraphBuilder();
  const logits = b.input("logits", "float32", [3, 4]);
  const labels = b.input("labels", "int64", [3]);
  const coefficients = b.input("coefficients", "float32", [3]);
  const p = b.apply("Softmax", [logits], {});
  const gradient = b.apply("SoftmaxCrossEntropyGradient", [p, labels, coefficients], {});
  const [result] = await agree(b.build([gradient]), {
    logits: drawn(7, [3, 4]),
    labels: tensor([3], [3, 1, 0]),
    coefficients: tensor([3], [0.5, 0, -2]),
  });
  assert.deepEqual([...result!.data.subarray(4, 8)].map(Math.abs), [0, 0, 0, 0]);
  // Each row's gradient sums to nothing: probabilities and labels both sum to 1.
  for (const row of [0, 2]) {
    const sum = result!.data.subarray(4 * row, 4 * row + 4).reduce((a, c) => a + c, 0);
    assert.ok(Math.abs(sum) < 1e-12, `row ${row}: ${sum}`);
  }
});

/** A file of the weights one after the other, as the checkpoint's. */
function weightsOf(t: TestContext, parts: Readonly<Record<string, Uint8Array>>) {
  const dir = mkdtempSync(path.join(tmpdir(), "retune-lowering-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const places = new Map<string, ExternalLocation>();
  let byteOffset = 0;
  for (const [name, bytes] of Object.entries(parts)) {
    places.set(name, { path: "weights.bin", byteOffset, byteLength: bytes.byteLength });
    byteOffset += bytes.byteLength;
  }
  writeFileSync(path.join(dir, "weights.bin"), Buffer.concat(Object.values(parts)));
  return { dir, locate: (name: string) => places.get(name) ?? assert.fail(name) };
}

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
    const weights = weightsOf(t, { codes: bytes, scales: new Uint8Array(scales.buffer) });
    const [found] = await run(graph, {}, weights);
    const expected = codes.map((code, i) => code * scales[Math.floor(i / 16)]!);
    assert.deepEqual([...found!], expected);
  });
}

test("half-precision weights are widened exactly", async (t) => {
  const b = new GraphBuilder();
  const [half, brain] = [b.weight("half", "float16", [4]), b.weight("brain", "bfloat16", [4])];
  const graph = b.build([b.asFloat32(half), b.asFloat32(brain)]);
  const bits = (...values: number[]): Uint8Array => new Uint8Array(Uint16Array.from(values).buffer);
  const weights = weightsOf(t, {
    // IEEE binary16: 1, −2, 65504 (the largest), 2⁻²⁴ (the smallest).
    half: bits(0x3c00, 0xc000, 0x7bff, 0x0001),
    // The upper halves of float32: 1, −2, 3.140625, 2⁻¹²⁶.
    brain: bits(0x3f80, 0xc000, 0x4049, 0x0080),
  });
  const [first, second] = await run(graph, {}, weights);
  assert.deepEqual([...first!], [1, -2, 65504, 2 ** -24]);
  assert.deepEqual([...second!], [1, -2, 3.140625, 2 ** -126]);
});
