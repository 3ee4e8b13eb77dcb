/** The bytes as anybody's ONNX reader sees them: parsed by the format's own schema. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { Graph, Value } from "../../src/graph/graph.ts";
import {
  ModelProtoSchema,
  TensorProto_DataLocation,
  TensorProto_DataType,
} from "../../src/onnx/gen/onnx_pb.js";
import type { ExternalLocation } from "../../src/onnx/model-writer.ts";
import { type Dialect, writeOnnxModel } from "../../src/onnx/write-model.ts";
import { OrtSession } from "../../src/onnx-engine/ort-session.ts";
import { OP_CASES } from "../support/op-cases.ts";
import { buildOpGraph } from "../support/op-graph.ts";

const noWeights = (name: string): never => assert.fail(`${name} is no weight`);

function written(graph: Graph, locate: (name: string) => ExternalLocation = noWeights) {
  const { bytes, symbols } = writeOnnxModel(graph, locate);
  const model = fromBinary(ModelProtoSchema, bytes);
  return { model, symbols, graph: model.graph! };
}

test("a weight is named by file, offset and length; none of its bytes are copied", () => {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", ["N", 4]);
  const w = b.weight("lm_head.weight", "bfloat16", [8, 4]);
  const y = b.gemm(x, b.asFloat32(w), { transB: true });
  const place = { path: "model-00002-of-00003.safetensors", byteOffset: 4096, byteLength: 64 };
  const asked: string[] = [];
  const { graph } = written(b.build([y]), (name) => {
    asked.push(name);
    return place;
  });
  assert.deepEqual(asked, ["lm_head.weight"]);
  const weight = graph.initializer.find(({ name }) => name === "lm_head.weight")!;
  assert.equal(weight.dataType, TensorProto_DataType.BFLOAT16);
  assert.deepEqual(weight.dims, [8n, 4n]);
  assert.equal(weight.dataLocation, TensorProto_DataLocation.EXTERNAL);
  assert.equal(weight.rawData.length, 0);
  assert.deepEqual(
    weight.externalData.map(({ key, value }) => [key, value]),
    [
      ["location", place.path],
      ["offset", "4096"],
      ["length", "64"],
    ],
  );
});

test("a weight that the checkpoint lacks ends the writing with the locator's word", () => {
  const b = new GraphBuilder();
  const graph = b.build([b.asFloat32(b.weight("missing", "float16", [2]))]);
  assert.throws(
    () =>
      writeOnnxModel(graph, (name) => {
        throw new Error(`no tensor ${name}`);
      }),
    /no tensor missing/u,
  );
});

test("operator set 21, the version that the 4-bit types came with, and Microsoft's where it is used", () => {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", [2]);
  const domains = (graph: Graph, dialect: Dialect) => {
    const { bytes } = writeOnnxModel(graph, noWeights, dialect);
    const { irVersion, opsetImport } = fromBinary(ModelProtoSchema, bytes);
    assert.equal(irVersion, 10n);
    return opsetImport.map(({ domain, version }) => [domain, version]);
  };
  const [activated] = b.emit("SwiGlu", [x, x], {});
  const graph = b.build([activated as Value]);
  assert.deepEqual(domains(graph, "contrib"), [
    ["", 21n],
    ["com.microsoft", 1n],
  ]);
  assert.deepEqual(domains(graph, "standard"), [["", 21n]]);
});

test("symbols that a node computes with are fed as dim.<symbol>, others are not asked for", () => {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", ["N", 4]);
  const plain = written(b.build([b.reshape(x, ["2*N", 2])]));
  // One unknown size is ONNX's −1.
  assert.deepEqual(plain.symbols, []);
  const y = b.input("y", "float32", ["B*T", 4]);
  const { symbols, graph } = written(b.build([b.reshape(y, ["B", "T", 4])]));
  assert.deepEqual(symbols, ["B", "T"]);
  assert.deepEqual(
    graph.input.map(({ name }) => name),
    ["x", "y", "dim.B", "dim.T"],
  );
});

test("inputs and outputs carry their sizes, symbols by name", () => {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", ["B*T", 4]);
  const ids = b.input("ids", "int64", ["R"]);
  const y = b.apply("GatherRows", [x, ids], {});
  const { graph } = written(b.build([y]));
  const seen = [...graph.input, ...graph.output].map(({ type }) => {
    const { value } = type!;
    assert.equal(value.case, "tensorType");
    const { elemType, shape } = value.value as {
      elemType: number;
      shape?: { dim: { value: { value?: unknown } }[] };
    };
    return [elemType, ...shape!.dim.map((dim) => dim.value.value)];
  });
  const { FLOAT, INT64 } = TensorProto_DataType;
  assert.deepEqual(seen, [
    [FLOAT, "B*T", 4n],
    [INT64, "R"],
    [FLOAT, "R", 4n],
  ]);
});

test("a constant's bytes are little-endian numbers, the window's own and no more", () => {
  const b = new GraphBuilder();
  const whole = Float32Array.of(9, 1.5, -2, 9);
  const c = b.constant("c", whole.subarray(1, 3), [2]);
  const { graph } = written(b.build([b.add(b.input("x", "float32", [2]), c)]));
  const { rawData, dims, dataType } = graph.initializer.find(({ name }) => name === "c")!;
  const view = new DataView(rawData.buffer, rawData.byteOffset, rawData.byteLength);
  assert.deepEqual([view.getFloat32(0, true), view.getFloat32(4, true)], [1.5, -2]);
  assert.deepEqual([rawData.length, dims, dataType], [8, [2n], TensorProto_DataType.FLOAT]);
});

test("numbers that many nodes use are stored once", () => {
  const b = new GraphBuilder();
  let x = b.input("x", "float32", ["B*T", 4]);
  for (let i = 0; i < 5; i++) x = b.scale(b.reshape(b.reshape(x, ["B", "T", 4]), ["B*T", 4]), 0.5);
  const { graph } = written(b.build([x]));
  const names = graph.initializer.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  assert.equal(graph.node.filter(({ opType }) => opType === "Concat").length, 1, "one shape");
});

for (const op of OP_CASES) {
  test(`${op.name}: every name is made once, before it is read`, () => {
    const { graph } = written(buildOpGraph(op).graph);
    const known = new Set(
      ["", ...graph.input, ...graph.initializer].map((one) =>
        typeof one === "string" ? one : one.name,
      ),
    );
    for (const { opType, input, output } of graph.node) {
      for (const name of input) assert.ok(known.has(name), `${opType} reads ${name}`);
      for (const name of output) {
        assert.ok(name === "" || !known.has(name), `${opType} makes ${name} again`);
        known.add(name);
      }
    }
    for (const { name } of graph.output) assert.ok(known.has(name), name);
  });
}

test("products of symbols with a factor come out as the sizes that are fed", async () => {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", ["6*B*T"]);
  const pieces = b.split(x, { axis: 0, sizes: ["4*B*T", "2*B*T"] }) as [Value, Value];
  const shaped = b.reshape(pieces[0], ["B", 4, "T"]);
  const graph = b.build([shaped, pieces[1]]);
  const session = await OrtSession.create(graph, {
    weightsDir: ".",
    locate: noWeights,
    threads: 1,
    prepack: false,
  });
  for (const [B, T] of [
    [1, 1],
    [2, 5],
  ] as const) {
    const data = Float32Array.from({ length: 6 * B * T }, (_, i) => i);
    const outputs = await session.run({ x: data }, { B, T });
    const [first, second] = graph.outputs.map(({ name }) => outputs[name]!);
    assert.deepEqual(first!.dims, [B, 4, T]);
    assert.deepEqual(second!.dims, [2 * B * T]);
    assert.deepEqual([...(second!.data as Float32Array)], [...data.subarray(4 * B * T)]);
  }
  await session.dispose();
});

test("of a square weight OpenVINO's dialect reads two constants: one for each way", () => {
  const standard = (type: "float32" | "bfloat16") => {
    const b = new GraphBuilder();
    const x = b.input("x", "float32", ["N", 4]);
    const stored = b.weight("o_proj.weight", type, [4, 4]);
    const w = type === "float32" ? stored : b.asFloat32(stored);
    const forward = b.gemm(x, w, { transB: true });
    const graph = b.build([b.gemm(forward, w, {}), b.gemm(x, w, {})]);
    const place = { path: "model.safetensors", byteOffset: 64, byteLength: 64 };
    const { bytes } = writeOnnxModel(graph, () => place, "standard");
    const { node, initializer } = fromBinary(ModelProtoSchema, bytes).graph!;
    const producers = new Map(node.flatMap((each) => each.output.map((name) => [name, each])));
    const read = node
      .filter(({ opType }) => opType === "Gemm")
      .map(({ input, attribute }) => ({
        from: producers.get(input[1]!)?.opType,
        of: producers.get(input[1]!)?.input[0] ?? input[1],
        alpha: attribute.find(({ name }) => name === "alpha")?.f ?? 1,
      }));
    const places = initializer
      .filter(({ externalData }) => externalData.length > 0)
      .map(({ name, externalData }) => [name, externalData.map(({ value }) => value).join(" ")]);
    return { read, places };
  };
  // The same bytes by another name: widened, they lie elsewhere.
  const twin = { from: "Cast", of: "o_proj.weight.untransposed", alpha: 1 };
  assert.deepEqual(standard("bfloat16"), {
    read: [{ from: "Cast", of: "o_proj.weight", alpha: 1 }, twin, twin],
    places: [
      ["o_proj.weight", "model.safetensors 64 64"],
      ["o_proj.weight.untransposed", "model.safetensors 64 64"],
    ],
  });
  const negated = { from: "Neg", of: "o_proj.weight", alpha: -1 };
  assert.deepEqual(standard("float32"), {
    read: [{ from: undefined, of: "o_proj.weight", alpha: 1 }, negated, negated],
    places: [["o_proj.weight", "model.safetensors 64 64"]],
  });
});
