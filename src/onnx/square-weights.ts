/**
 * A way round a fault of OpenVINO 2026.4's processor plugin (docs/openvino-float32.md). It keeps a weight that it has
 * packed under the constant's address and the packed form's sizes; that a product reads it transposed is not part of
 * the key. Of a square weight, x·Wᵀ forward and dy·W backward then share the packed copy of whichever came first, and
 * everything below is wrong. So the untransposed products of square weights read a constant of their own.
 *
 * A half-precision weight is widened when the model is loaded, each constant into memory of its own: there a second
 * constant of the same bytes of the file does, and a compiled model that is kept is spared a copy. Any other one would
 * lie at the first one's address, and −W is made of it.
 */
import { create } from "@bufbuild/protobuf";
import type { Graph, Value } from "../graph/graph.ts";
import {
  AttributeProtoSchema,
  AttributeProto_AttributeType,
  type NodeProto,
  NodeProtoSchema,
  TensorProto_DataType,
} from "./gen/onnx_pb.js";

export interface SeparatedSquares {
  /** No square constant is read both as it is and transposed. */
  nodes: NodeProto[];
  /** Weights that the nodes read under a second name. */
  twins: readonly { name: string; weight: Value }[];
}

export function separateSquareWeights(nodes: readonly NodeProto[], graph: Graph): SeparatedSquares {
  const squares = squareConstants(nodes, graph);
  const half = halfWeights(graph);
  const widened = new Map<string, Value>();
  const twins = new Map<string, Value>();
  /** By what the products read that are transposed. */
  const others = new Map<string, { name: string; isNegative: boolean }>();
  const separated = nodes.flatMap((node) => {
    const [input = "", right = ""] = node.input;
    const [output = ""] = node.output;
    const stored = node.opType === "Cast" ? half.get(input) : undefined;
    if (stored) widened.set(output, stored);
    if (node.opType !== "Gemm" || !squares.has(right) || isTransposed(node)) return [node];
    const known = others.get(right);
    const weight = widened.get(right);
    const other = known ?? { name: `${right}.untransposed`, isNegative: !weight };
    others.set(right, other);
    node.input[1] = other.name;
    if (other.isNegative) negateAlpha(node);
    if (known) return [node];
    if (!weight) return [oneToOne("Neg", right, other.name), node];
    const twin = `${weight.name}.untransposed`;
    twins.set(twin, weight);
    return [widening(twin, other.name), node];
  });
  return { nodes: separated, twins: [...twins].map(([name, weight]) => ({ name, weight })) };
}

/** Stored weights in half precision, by name. */
function halfWeights({ weights }: Graph): Map<string, Value> {
  const half = weights.filter(({ type }) => type === "bfloat16" || type === "float16");
  return new Map(half.map((weight) => [weight.name, weight]));
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

function widening(input: string, output: string): NodeProto {
  const cast = oneToOne("Cast", input, output);
  const [type, i] = [AttributeProto_AttributeType.INT, BigInt(TensorProto_DataType.FLOAT)];
  cast.attribute.push(create(AttributeProtoSchema, { name: "to", type, i }));
  return cast;
}

function oneToOne(opType: string, input: string, output: string): NodeProto {
  return create(NodeProtoSchema, { opType, name: output, input: [input], output: [output] });
}
