/** Collects the parts of an ONNX model in the making: nodes, constants, weights, inputs and outputs. */
import { create, toBinary } from "@bufbuild/protobuf";
import { type Dim, type Shape, parseDim } from "../graph/dim.ts";
import type { Constant, Graph, Value } from "../graph/graph.ts";
import type { ElementType } from "../graph/ops.ts";
import {
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
  AttributeProto_AttributeType,
  ModelProtoSchema,
  NodeProtoSchema,
  TensorProtoSchema,
  TensorProto_DataLocation,
  TensorProto_DataType,
  ValueInfoProtoSchema,
} from "./gen/onnx_pb.js";

export interface ExternalLocation {
  /** Path relative to the folder that the session is given. */
  path: string;
  byteOffset: number;
  byteLength: number;
}

export interface OnnxModel {
  bytes: Uint8Array;
  /** Symbols whose value the caller must feed as int64 [1] inputs named `dim.<symbol>`. */
  symbols: readonly string[];
}

const ELEMENT_TYPES: Record<ElementType, TensorProto_DataType> = {
  float32: TensorProto_DataType.FLOAT,
  float16: TensorProto_DataType.FLOAT16,
  bfloat16: TensorProto_DataType.BFLOAT16,
  int64: TensorProto_DataType.INT64,
  int8: TensorProto_DataType.INT8,
  int4: TensorProto_DataType.INT4,
};

/** ONNX 1.16's operator set: the first with 4-bit integers. */
const OPSET = 21n;
const IR_VERSION = 10n;

/** A number is a float attribute. */
export type AttributeValue = number | string | { int: number } | { ints: readonly number[] };

/** Collects the nodes that lower one graph; constants and run-time shapes are made once each. */
export class ModelWriter {
  readonly nodes: NodeProto[] = [];
  readonly #initializers: TensorProto[] = [];
  readonly #constants = new Map<string, string>();
  readonly #shapes = new Map<string, string>();
  readonly #shared = new Map<string, string>();
  readonly #domains = new Set([""]);
  readonly #symbols = new Set<string>();
  #counter = 0;

  /** Adds one ONNX node; without `outputs` a single fresh one. Returns the first output's name. */
  node(
    opType: string,
    inputs: readonly string[],
    options: {
      outputs?: readonly string[];
      attributes?: Readonly<Record<string, AttributeValue>>;
      domain?: string;
    } = {},
  ): string {
    const outputs = options.outputs ?? [`_${opType}_${this.#counter++}`];
    this.#domains.add(options.domain ?? "");
    this.nodes.push(
      create(NodeProtoSchema, {
        opType,
        name: outputs[0] ?? "",
        domain: options.domain ?? "",
        input: [...inputs],
        output: [...outputs],
        attribute: Object.entries(options.attributes ?? {}).map(([name, value]) =>
          attribute(name, value),
        ),
      }),
    );
    return outputs[0] ?? "";
  }

  /** What `make` gives the first time it is asked for under this key. */
  once(key: string, make: () => string): string {
    const known = this.#shared.get(key) ?? make();
    this.#shared.set(key, known);
    return known;
  }

  int64(values: readonly number[]): string {
    return this.#constant(`_int64_${values.join("_")}`, () => ({
      dataType: TensorProto_DataType.INT64,
      dims: [BigInt(values.length)],
      rawData: bytesOf(BigInt64Array.from(values, BigInt)),
    }));
  }

  float32(value: number): string {
    return this.#constant(`_float32_${value}`, () => ({
      dataType: TensorProto_DataType.FLOAT,
      dims: [],
      rawData: bytesOf(new Float32Array([value])),
    }));
  }

  /** Name of an int64 tensor holding `shape`: a constant where at most one size is unknown, else computed from the symbols. */
  shape(shape: Shape): string {
    const symbolic = shape.filter((dim) => typeof dim === "string");
    if (symbolic.length <= 1) {
      return this.int64(shape.map((dim) => (typeof dim === "number" ? dim : -1)));
    }
    return this.#joined(shape);
  }

  /** Name of an int64 [1] tensor holding the exact size. */
  size(dim: Dim): string {
    return this.#dim(dim);
  }

  /** Name of an int64 tensor holding the exact sizes. */
  sizes(dims: Shape): string {
    if (dims.every((dim) => typeof dim === "number")) return this.int64(dims as number[]);
    return this.#joined(dims);
  }

  /**
   * `name` again, but not before the tensors of `ready` are computed: ONNX Runtime runs nodes in an
   * order of its own, and would keep every part's large intermediates alive at once. The reshape
   * moves no data; its target is the tensor's own shape plus a zero made of their sizes.
   */
  after(name: string, ready: readonly (string | undefined)[], outputs?: readonly string[]): string {
    const sizes = ready
      .filter((tensor) => tensor !== undefined)
      .map((tensor) => this.node("Size", [tensor]));
    if (sizes.length === 0) return name;
    const sum = sizes.reduce((left, right) => this.node("Add", [left, right]));
    const zero = this.node("Sub", [sum, sum]);
    const shape = this.node("Add", [this.node("Shape", [name]), zero]);
    return this.node("Reshape", [name, shape], outputs ? { outputs } : {});
  }

  #joined(shape: Shape): string {
    const key = shape.join(",");
    const known = this.#shapes.get(key);
    if (known) return known;
    const dims = shape.map((dim) => this.#dim(dim));
    const name = this.node("Concat", dims, { attributes: { axis: { int: 0 } } });
    this.#shapes.set(key, name);
    return name;
  }

  #dim(dim: Dim): string {
    if (typeof dim === "number") return this.int64([dim]);
    const known = this.#shapes.get(dim);
    if (known) return known;
    const { factor, symbols } = parseDim(dim);
    const factors = symbols.map((symbol) => {
      this.#symbols.add(symbol);
      return `dim.${symbol}`;
    });
    if (factor !== 1) factors.push(this.int64([factor]));
    const name = factors.reduce((left, right) => this.node("Mul", [left, right]));
    this.#shapes.set(dim, name);
    return name;
  }

  #constant(
    name: string,
    make: () => { dataType: TensorProto_DataType; dims: bigint[]; rawData: Uint8Array },
  ): string {
    if (!this.#constants.has(name)) {
      this.#constants.set(name, name);
      this.#initializers.push(create(TensorProtoSchema, { name, ...make() }));
    }
    return name;
  }

  addConstant({ value, data }: Constant): void {
    this.#initializers.push(
      create(TensorProtoSchema, {
        name: value.name,
        dataType: ELEMENT_TYPES[value.type],
        dims: value.shape.map((dim) => BigInt(dim)),
        rawData: bytesOf(data),
      }),
    );
  }

  addWeight(value: Value, location: ExternalLocation): void {
    this.#initializers.push(
      create(TensorProtoSchema, {
        name: value.name,
        dataType: ELEMENT_TYPES[value.type],
        dims: value.shape.map((dim) => BigInt(dim)),
        dataLocation: TensorProto_DataLocation.EXTERNAL,
        externalData: [
          { key: "location", value: location.path },
          { key: "offset", value: String(location.byteOffset) },
          { key: "length", value: String(location.byteLength) },
        ],
      }),
    );
  }

  finish(graph: Graph, nodes: readonly NodeProto[] = this.nodes): OnnxModel {
    const symbols = [...this.#symbols].toSorted();
    const dims = symbols.map((symbol) => valueInfo(`dim.${symbol}`, "int64", [1]));
    const model = create(ModelProtoSchema, {
      irVersion: IR_VERSION,
      producerName: "retune",
      opsetImport: [...this.#domains].map((domain) => ({
        domain,
        version: domain === "" ? OPSET : 1n,
      })),
      graph: {
        name: "step",
        node: [...nodes],
        initializer: this.#initializers,
        input: [...graph.inputs.map((v) => valueInfo(v.name, v.type, v.shape)), ...dims],
        output: graph.outputs.map((v) => valueInfo(v.name, v.type, v.shape)),
        // What a reshape to a fed size gives, ONNX Runtime cannot infer; and its planner compares
        // each new buffer with all free ones of unknown size: six seconds for a 30-layer step.
        valueInfo: graph.nodes
          .flatMap(({ outputs }) => outputs)
          .filter((value) => !graph.outputs.includes(value))
          .map(({ name, type, shape }) => valueInfo(name, type, shape)),
      },
    });
    return { bytes: toBinary(ModelProtoSchema, model), symbols };
  }
}

function attribute(name: string, value: AttributeValue) {
  if (typeof value === "string") {
    const s = new TextEncoder().encode(value);
    return { name, type: AttributeProto_AttributeType.STRING, s };
  }
  if (typeof value === "number") {
    return { name, type: AttributeProto_AttributeType.FLOAT, f: value };
  }
  if ("ints" in value) {
    return { name, type: AttributeProto_AttributeType.INTS, ints: value.ints.map(BigInt) };
  }
  return { name, type: AttributeProto_AttributeType.INT, i: BigInt(value.int) };
}

function bytesOf(array: Float32Array | BigInt64Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function valueInfo(name: string, type: ElementType, shape: Shape): ValueInfoProto {
  const dim = shape.map((size) => ({
    value:
      typeof size === "number"
        ? { case: "dimValue" as const, value: BigInt(size) }
        : { case: "dimParam" as const, value: size },
  }));
  return create(ValueInfoProtoSchema, {
    name,
    type: {
      value: { case: "tensorType", value: { elemType: ELEMENT_TYPES[type], shape: { dim } } },
    },
  });
}
