import assert from "node:assert/strict";
import { test } from "node:test";
import { GraphBuilder } from "../../src/graph/builder.ts";
import { peakBytes } from "../../src/graph/peak-memory.ts";

test("what is fed and what lies in the checkpoint takes nothing; a result takes its size", () => {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", ["N", 4]);
  const w = b.weight("w", "float32", [4, 8]);
  const graph = b.build([b.gemm(x, w)]);
  assert.equal(peakBytes(graph, { N: 3 }), 3 * 8 * 4);
});

test("a result is freed after its last reader, and a chain needs two at a time", () => {
  const b = new GraphBuilder();
  let x = b.input("x", "float32", [2, 5]);
  for (let step = 0; step < 6; step++) x = b.apply("Sigmoid", [x], {});
  assert.equal(peakBytes(b.build([x]), {}), 2 * (2 * 5 * 4));
});

test("a reshape takes nothing and keeps its operand alive", () => {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", [2, 5]);
  const y = b.reshape(b.apply("Sigmoid", [x], {}), [10]);
  const z = b.apply("Sigmoid", [b.apply("Sigmoid", [x], {})], {});
  const sum = b.add(b.flatten(z), y);
  // y's owner, z's operand and z; the sum takes over z.
  assert.equal(peakBytes(b.build([sum]), {}), 3 * 40);
});

test("a sum takes over an operand that nobody reads afterwards", () => {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", [4]);
  const y = b.apply("Sigmoid", [x], {});
  assert.equal(peakBytes(b.build([b.add(y, x)]), {}), 16);
});
