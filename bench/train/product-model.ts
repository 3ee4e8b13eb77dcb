/** Matrix products as ONNX models, whose rate is the limit that a step is held against. */
import { create, toBinary } from "@bufbuild/protobuf";
import {
  type NodeProto,
  type TensorProto,
  AttributeProto_AttributeType,
  ModelProtoSchema,
  NodeProtoSchema,
  TensorProtoSchema,
  TensorProto_DataType,
} from "../../src/onnx/gen/onnx_pb.js";

/** Any values but zeros, whose products some processors do faster. */
export function productValues(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, index) => ((index * 7919) % 1009) / 1009 - 0.5);
}

/**
 * x [M, K] · w [K, N], the weights packed beforehand as a session's are, and back · wᵀ [N, K], `products` times
 * altogether: what lies between stays in the precision that is computed in, as in a step.
 */
export function productModel(
  rows: number,
  [inner, outer]: readonly [number, number],
  products = 1,
): Uint8Array {
  const node = Array.from({ length: products }, (_, at) =>
    product(at, { isBack: at % 2 === 1, isSquare: inner === outer }),
  );
  const width = products % 2 === 1 ? outer : inner;
  const model = create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: [{ domain: "", version: 18n }],
    graph: {
      name: "products",
      node,
      initializer: [initializer("w", [inner, outer])],
      input: [tensorType("x0", [rows, inner])],
      output: [tensorType(`x${products}`, [rows, width])],
    },
  });
  return toBinary(ModelProtoSchema, model);
}

/** A square is read as it is both times: OpenVINO takes it for its transpose (docs/openvino-float32.md). */
function product(
  at: number,
  { isBack, isSquare }: { isBack: boolean; isSquare: boolean },
): NodeProto {
  const transB = {
    name: "transB",
    type: AttributeProto_AttributeType.INT,
    i: isBack && !isSquare ? 1n : 0n,
  };
  return create(NodeProtoSchema, {
    opType: "Gemm",
    name: `product${at}`,
    input: [`x${at}`, "w"],
    output: [`x${at + 1}`],
    attribute: [transB],
  });
}

function initializer(name: string, dims: readonly number[]): TensorProto {
  const data = productValues(dims.reduce((a, b) => a * b, 1));
  return create(TensorProtoSchema, {
    name,
    dims: dims.map(BigInt),
    dataType: TensorProto_DataType.FLOAT,
    rawData: new Uint8Array(data.buffer),
  });
}

function tensorType(name: string, dims: readonly number[]) {
  const dim = dims.map((size) => ({ value: { case: "dimValue" as const, value: BigInt(size) } }));
  const value = { elemType: TensorProto_DataType.FLOAT, shape: { dim } };
  return { name, type: { value: { case: "tensorType" as const, value } } };
}
