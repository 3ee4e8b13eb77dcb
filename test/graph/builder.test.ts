import assert from "node:assert/strict";
import { test } from "node:test";
import { GraphBuilder } from "../../src/graph/builder.ts";
import { ShapeError } from "../../src/graph/shapes.ts";
import { interpret, tensor } from "../support/interpreter.ts";

test("names say where in the model a value was made, and no two are alike", () => {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", ["N", 4]);
  const [inner, outer] = b.scope("layers.0", () => {
    const [attention] = b.scope("attention", () => [b.scale(x, 2)]);
    return [attention!, b.scale(x, 3)];
  });
  const after = b.scale(x, 4);
  assert.match(inner!.name, /^layers\.0\.attention\.Scale_\d+$/u);
  assert.match(outer!.name, /^layers\.0\.Scale_\d+$/u);
  assert.match(after.name, /^Scale_\d+$/u);
  assert.equal(new Set([inner!.name, outer!.name, after.name]).size, 3);
});

test("a scope ends even where what is in it fails", () => {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", [4]);
  const y = b.input("y", "float32", [3]);
  assert.throws(
    () => b.scope("head", () => b.add(x, y)),
    (error: unknown) => error instanceof ShapeError && error.message.startsWith("head.Add: x [4]"),
  );
  assert.match(b.scale(x, 1).name, /^Scale_/u);
});

test("a weight that is asked for twice is one value", () => {
  const b = new GraphBuilder();
  const first = b.weight("model.embed_tokens.weight", "bfloat16", [8, 4]);
  const again = b.weight("model.embed_tokens.weight", "bfloat16", [8, 4]);
  const other = b.weight("lm_head.weight", "bfloat16", [8, 4]);
  assert.equal(first, again);
  assert.notEqual(first, other);
  const sum = b.add(b.asFloat32(first), b.asFloat32(again));
  assert.deepEqual(b.build([sum]).weights, [first]);
});

test("what is float32 already needs no cast", () => {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", [4]);
  assert.equal(b.asFloat32(x), x);
  const half = b.asFloat32(b.weight("w", "float16", [4]));
  assert.deepEqual([half.type, half.shape, b.nodes.length], ["float32", [4], 1]);
});

test("one value joined and one piece cut are the value itself", () => {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", ["N", 4]);
  assert.equal(b.concat([x], 1), x);
  assert.deepEqual(b.split(x, { axis: 1, sizes: [4] }), [x]);
  assert.equal(b.nodes.length, 0);
  assert.deepEqual(b.concat([x, x, x], 0).shape, ["3*N", 4]);
});

test("flattened, a value of symbols has their product as its one axis", () => {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", ["T", 4, "B", 2]);
  assert.deepEqual(b.flatten(x).shape, ["8*B*T"]);
});

test("a constant is stored under the type of its data", () => {
  const b = new GraphBuilder();
  const half = b.constant("half", Float32Array.of(0.5, 0.25), [2]);
  const rows = b.constant("rows", BigInt64Array.of(1n, 0n), [2]);
  const x = b.input("x", "float32", [2, 2]);
  const y = b.mul(b.apply("GatherRows", [x, rows], {}), half);
  const graph = b.build([y]);
  assert.deepEqual(
    graph.constants.map(({ value }) => value.type),
    ["float32", "int64"],
  );
  // Rows swapped, then columns times 1/2 and 1/4.
  const [result] = interpret(graph, { x: tensor([2, 2], [2, 4, 6, 8]) });
  assert.deepEqual([...result!.data], [3, 2, 1, 1]);
});

test("what no output needs is left out, but inputs are the contract and stay", () => {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", [4]);
  const idle = b.input("idle", "float32", [4]);
  const used = b.weight("used", "float32", [4]);
  const unused = b.weight("unused", "float32", [4]);
  b.mul(b.add(x, unused), b.constant("two", Float32Array.of(2), [1]));
  const y = b.add(x, used);
  const graph = b.build([y]);
  assert.deepEqual(graph.inputs, [x, idle]);
  assert.deepEqual(graph.weights, [used]);
  assert.deepEqual(graph.constants, []);
  assert.deepEqual(
    graph.nodes.map(({ outputs }) => outputs),
    [[y]],
  );
});

test("a value of another builder is told as one that was never defined", () => {
  const stranger = new GraphBuilder().input("stranger", "float32", [4]);
  const b = new GraphBuilder();
  const x = b.input("x", "float32", [4]);
  const sum = b.add(x, stranger);
  assert.throws(() => b.build([sum]), /internal: stranger is used before it is defined: .*Add/u);
  assert.throws(() => b.build([stranger]), /internal: output stranger is not defined/u);
});

test("two inputs of one name are told", () => {
  const b = new GraphBuilder();
  const one = b.input("x", "float32", [4]);
  const two = b.input("x", "float32", [4]);
  const sum = b.add(one, two);
  assert.throws(() => b.build([sum]), /internal: x is defined twice/u);
});

test("products default to no transposition and a factor of 1", () => {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", [1, 2, 2]);
  const y = b.matMul(x, x);
  const z = b.matMul(x, x, { transA: true, alpha: 2 });
  const graph = b.build([y, z]);
  const [plain, scaled] = interpret(graph, { x: tensor([1, 2, 2], [1, 2, 3, 4]) });
  assert.deepEqual([...plain!.data], [7, 10, 15, 22]);
  // 2·xᵀ·x
  assert.deepEqual([...scaled!.data], [20, 28, 28, 40]);
});
