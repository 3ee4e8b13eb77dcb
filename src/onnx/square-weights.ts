/**
 * A way round a fault of OpenVINO 2026.4's processor plugin (docs/openvino-float32.md). It keeps a weight that it has
 * packed under the constant's address and the packed form's sizes; that a product reads it transposed is not part of
 * the key. Of a square weight, x·Wᵀ forward and dy·W backward then share the packed copy of whichever came first, and
 * everything below is wrong. So the untransposed products of square weights read −W, a constant of its own.
 */
import { create } from "@bufbuild/protobuf";
import type { Graph } from "../graph/graph.ts";
import {
  AttributeProtoSchema,
  AttributeProto_AttributeType,
  type NodeProto,
  NodeProtoSchema,
} from "./gen/onnx_pb.js";

/** @returns the nodes in which no square constant is read both as it is and transposed */
export function separateSquareWeights(nodes: readonly NodeProto[], graph: Graph): NodeProto[] {
  const squares = squareConstants(nodes, graph);
  const opposites = new Map<string, string>();
  return nodes.flatMap((node) => {
    const [, right = ""] = node.input;
    if (node.opType !== "Gemm" || !squares.has(right) || isTransposed(node)) return [node];
    const known = opposites.get(right);
    const opposite = known ?? `${right}.negated`;
    opposites.set(right, opposite);
    node.input[1] = opposite;
    negateAlpha(node);
    return known === undefined ? [negation(right, opposite), node] : [node];
  });
}

/** What of a constant is a constant, too: a runtime folds it when it compiles. */
const FOLDED = new Set(["Cast", "DequantizeLinear", "Reshape", "Slice", "Split"]);

/** Matrices whose values no run changes, by name: those that are square, and parts of which the size is not known here. */
function squareConstants(nodes: readonly NodeProto[], graph: Graph): Set<string> {
  const { weights, constants } = graph;
  const stored = [...weights, ...constants.map(({ value }) => value)];
  const values = [...stored, ...graph.nodes.flatMap(({ outputs }) => outputs)];
  const shapes = new Map(values.map(({ name, shape }) => [name, shape]));
  const fixed = new Set(stored.map(({ name }) => name));
  for (const { opType, input, output } of nodes) {
    const [of = ""] = input;
    if (!FOLDED.has(opType) || !fixed.has(of)) continue;
    for (const name of output) {
      fixed.add(name);
      const shape = opType === "Cast" ? shapes.get(of) : undefined;
      if (shape && !shapes.has(name)) shapes.set(name, shape);
    }
  }
  const isSquare = (name: string): boolean => {
    const shape = shapes.get(name);
    return shape === undefined || (shape.length === 2 && shape[0] === shape[1]);
  };
  return new Set([...fixed].filter(isSquare));
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
