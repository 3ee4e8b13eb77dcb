/** What passes in and out of a graph that OpenVINO compiled: types, sizes, names, memory. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { GraphBuilder } from "../../src/graph/builder.ts";
import { openvinoRuntime } from "../../src/onnx-engine/openvino-session.ts";
import type { Runtime } from "../../src/onnx-engine/runtime.ts";
import { testedOpenvino } from "../support/openvino-runtime.ts";
import { compileGraph, drawn, feedsOf, storeWeights } from "../support/run-graph.ts";

const openvino = await testedOpenvino();
const { skip } = openvino;
const runtime = (): Runtime => openvinoRuntime(openvino.target("float32"));

test("64-bit indices beyond what float32 holds pick their rows", { skip }, async () => {
  const rows = 2 ** 12;
  const b = new GraphBuilder();
  const table = b.input("table", "float32", [rows, 1]);
  const ids = b.input("ids", "int64", ["N"]);
  const graph = b.build([b.apply("GatherRows", [table, ids], {})]);
  const session = await compileGraph(graph, { runtime: runtime() });
  const data = Float32Array.from({ length: rows }, (_, row) => row);
  for (const wanted of [[4095, 0, 17], [1], [3, 3, 3, 3]]) {
    const outputs = await session.run(
      { table: data, ids: BigInt64Array.from(wanted, BigInt) },
      { N: wanted.length },
    );
    const [found] = Object.values(outputs);
    assert.deepEqual(found!.dims, [wanted.length, 1]);
    assert.deepEqual([...(found!.data as Float32Array)], wanted);
  }
  await session.dispose();
});

test("a cache grows from length 0, each result fed to the next run", { skip }, async () => {
  const b = new GraphBuilder();
  const past = b.input("past", "float32", [1, 2, "P", 3]);
  const fresh = b.input("fresh", "float32", [1, 2, "T", 3]);
  const graph = b.build([b.apply("Concat", [past, fresh], { axis: 2, size: "S" })]);
  const session = await compileGraph(graph, { runtime: runtime() });
  let cache: { data: Float32Array; dims: readonly number[] } = {
    data: new Float32Array(),
    dims: [1, 2, 0, 3],
  };
  const rows: number[] = [];
  for (const [P, T] of [
    [0, 2],
    [2, 1],
    [3, 1],
  ] as const) {
    const values = drawn(P, [1, 2, T, 3]).data;
    const feeds = { past: cache, fresh: Float32Array.from(values) };
    const [found] = Object.values(await session.run(feeds, { P, T, S: P + T }));
    assert.deepEqual(found?.dims, [1, 2, P + T, 3]);
    cache = { data: found!.data as Float32Array, dims: found!.dims };
    rows.push(...values.subarray(0, 3 * T));
    assert.deepEqual([...cache.data.subarray(0, 3 * (P + T))], rows);
  }
  await session.dispose();
});

test("results are copies: a later run leaves them as they are", { skip }, async () => {
  const b = new GraphBuilder();
  const graph = b.build([b.scale(b.input("x", "float32", [2]), 2)]);
  const session = await compileGraph(graph, { runtime: runtime() });
  const [first] = Object.values(await session.run({ x: Float32Array.of(1, 2) }, {}));
  await session.run({ x: Float32Array.of(5, 6) }, {});
  assert.deepEqual([...(first!.data as Float32Array)], [2, 4]);
  await session.dispose();
});

test("names of any length and letters, and an input that nothing reads", { skip }, async () => {
  const long = `model.layers.0.${"mlp.".repeat(300)}weight: (IA)³ "é" /0\\`;
  const b = new GraphBuilder();
  const x = b.input(long, "float32", [2]);
  b.input("idle", "float32", ["Q", 7]);
  const graph = b.build([b.scale(x, 3)]);
  const session = await compileGraph(graph, { runtime: runtime() });
  const feeds = { [long]: Float32Array.of(1, 2), idle: new Float32Array(14) };
  const [found] = Object.values(await session.run(feeds, { Q: 2 }));
  assert.deepEqual([...(found!.data as Float32Array)], [3, 6]);
  await session.dispose();
});

test("an input that is read only for its sizes counts", { skip }, async () => {
  const b = new GraphBuilder();
  const like = b.input("like", "float32", ["R", 1]);
  const ids = b.input("ids", "int64", ["N"]);
  const updates = b.input("updates", "float32", ["N", 1]);
  const graph = b.build([b.apply("ScatterAddRows", [ids, updates, like], {})]);
  const session = await compileGraph(graph, { runtime: runtime() });
  for (const R of [3, 5]) {
    const feeds = {
      like: new Float32Array(R),
      ids: BigInt64Array.of(2n, 0n, 2n),
      updates: Float32Array.of(1, 2, 4),
    };
    const [found] = Object.values(await session.run(feeds, { R, N: 3 }));
    assert.deepEqual([...(found!.data as Float32Array)], [2, 0, 5, 0, 0].slice(0, R));
  }
  await session.dispose();
});

test("weights are read where they lie in the file, at odd places too", { skip }, async (t) => {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", [1, 8]);
  const parts = {
    // So that what follows is on no boundary of four bytes.
    odd: new Uint8Array(3),
    first: Float32Array.from(drawn(1, [5, 8]).data),
    second: Float32Array.from(drawn(2, [5, 8]).data),
  };
  const results = ["first", "second"].map((name) =>
    b.gemm(x, b.weight(name, "float32", [5, 8]), { transB: true }),
  );
  const graph = b.build(results);
  const weights = storeWeights(t, parts);
  const x64 = drawn(3, [1, 8]);
  const session = await compileGraph(graph, { runtime: runtime(), weights });
  const outputs = await session.run(feedsOf(graph, { x: x64 }), {});
  for (const [index, name] of (["first", "second"] as const).entries()) {
    const found = outputs[graph.outputs[index]!.name]?.data as Float32Array;
    for (let row = 0; row < 5; row++) {
      const expected = x64.data.reduce((sum, v, i) => sum + v * parts[name][8 * row + i]!, 0);
      assert.ok(Math.abs(found[row]! - expected) < 1e-4, `${name} ${row}`);
    }
  }
  await session.dispose();
});

test("what does not fit is told by name, and the session goes on", { skip }, async () => {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", ["N", 2]);
  const y = b.input("y", "float32", ["N", 2]);
  const graph = b.build([b.add(x, y)]);
  const session = await compileGraph(graph, { runtime: runtime() });
  const two = Float32Array.of(1, 2, 3, 4);
  await assert.rejects(session.run({ x: two }, { N: 2 }), /input y is not fed/u);
  await assert.rejects(
    session.run({ x: two, y: new Float32Array() }, { N: 2 }),
    /y \[2,2\] has 16 bytes in OpenVINO, 0 are fed/u,
  );
  const [found] = Object.values(await session.run({ x: two, y: two }, { N: 2 }));
  assert.deepEqual([...(found!.data as Float32Array)], [2, 4, 6, 8]);
  await session.dispose();
});
