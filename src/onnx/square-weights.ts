/**
 * A way round a fault of OpenVINO 2026.4's processor plugin (docs/openvino-float32.md). It keeps a weight that it has
 * packed under the constant's address and the packed form's sizes; that a product reads it transposed is not part of
 * the key. Of a square weight, x·Wᵀ forward and dy·W backward then share the packed copy of whichever came first, and
 * everything below is wrong. So the untransposed products of square weights read −W, a constant of its own.
 */
import { create } from "@bufbuild/protobuf";
import type { Graph, Value } from "../graph/graph.ts";
import {
  AttributeProtoSchema,
  AttributeProto_AttributeType,
  type NodeProto,
  NodeProtoSchema,
} from "./gen/onnx_pb.js";

/** @returns the nodes in which no square constant is read both as it is and transposed */
export function separateSquareWeights(nodes: readonly NodeProto[], graph: Graph): NodeProto[] {
  const squares = squareConstants(graph);
  const opposites = new Map<string, string>();
  return nodes.flatMap((node) => {
    const [input = "", right = ""] = node.input;
    if (node.opType === "Cast" && squares.has(input)) squares.add(node.output[0] ?? "");
    if (node.opType !== "Gemm" || !squares.has(right) || isTransposed(node)) return [node];
    const known = opposites.get(right);
    const opposite = known ?? `${right}.negated`;
    opposites.set(right, opposite);
    node.input[1] = opposite;
    negateAlpha(node);
    return known === undefined ? [negation(right, opposite), node] : [node];
  });
}

/** Those whose value no run changes, by name. */
function squareConstants({ weights, constants, nodes }: Graph): Set<string> {
  const fixed = new Set<Value>([...weights, ...constants.map(({ value }) => value)]);
  for (const { op, inputs, outputs } of nodes) {
    const isFixed = (op === "Cast" || op === "Dequantize") && inputs.every((x) => fixed.has(x));
    if (isFixed) for (const output of outputs) fixed.add(output);
  }
  const squares = [...fixed].filter(({ shape: [rows, columns], shape }) => {
    return shape.length === 2 && rows === columns;
  });
  return new Set(squares.map(({ name }) => name));
}

function isTransposed({ attribute }: NodeProto): boolean {
  return attribute.some(({ name, i }) => name === "transB" && i === 1n);
}

function negateAlpha({ attribute }: NodeProto): void {
  const alpha = attribute.find(({ name }) => name === "alpha");
  if (alpha) alpha.f = -alpha.f;
  else {
    const type = AttributeProto_AttributeType.FLOAT;
    attribute.push(create(AttributeProtoSchema, { name: "alpha", type, f: -1 }));
  }
}

function negation(input: string, output: string): NodeProto {
  return create(NodeProtoSchema, { opType: "Neg", name: output, input: [input], output: [output] });
}
