/**
 * How each operation becomes ONNX nodes, in the forms that were measured to be fast. What the runtimes have different
 * forms for comes from `forms.ts`.
 */
import { dimAt, product } from "../graph/dim.ts";
import type { Node, NodeOf, Value } from "../graph/graph.ts";
import type { ElementType, OpType } from "../graph/ops.ts";
import type { Forms } from "./forms.ts";
import { lowerLinearCrossEntropy } from "./linear-cross-entropy.ts";
import type { AttributeValue, ModelWriter } from "./model-writer.ts";
import { TensorProto_DataType } from "./gen/onnx_pb.js";

type Lowering<T extends OpType> = (writer: ModelWriter, node: NodeOf<T>, forms: Forms) => void;

const CAST_TYPES: Record<ElementType, number> = {
  float32: TensorProto_DataType.FLOAT,
  float16: TensorProto_DataType.FLOAT16,
  bfloat16: TensorProto_DataType.BFLOAT16,
  int64: TensorProto_DataType.INT64,
  int8: TensorProto_DataType.INT8,
  int4: TensorProto_DataType.INT4,
};

const names = (values: readonly Value[]): string[] => values.map(({ name }) => name);
const flag = (value: boolean): AttributeValue => ({ int: value ? 1 : 0 });

function name(values: readonly Value[], index: number): string {
  const value = values[index];
  if (!value) throw new Error(`internal: operand ${index} is missing`);
  return value.name;
}

/** The node under its own name, with the same inputs and outputs. */
function direct<T extends OpType>(
  opType: string,
  attributes: (node: NodeOf<T>) => Record<string, AttributeValue> = () => ({}),
): Lowering<T> {
  return (writer, node) => {
    writer.node(opType, names(node.inputs), {
      outputs: names(node.outputs),
      attributes: attributes(node),
    });
  };
}

/** A [R] vector as a column [R,1]. */
function column(writer: ModelWriter, vector: string): string {
  return writer.node("Reshape", [vector, writer.int64([-1, 1])]);
}

function pickLabel(writer: ModelWriter, matrix: string, labels: string): string {
  return writer.node("GatherElements", [matrix, column(writer, labels)], {
    attributes: { axis: { int: 1 } },
  });
}

const LOWERINGS: { readonly [T in OpType]: Lowering<T> } = {
  Gemm: direct("Gemm", ({ attributes: { alpha, transA, transB } }) => ({
    alpha,
    transA: flag(transA),
    transB: flag(transB),
  })),
  MatMul(writer, { inputs, outputs, attributes }, forms) {
    const [left, right] = [name(inputs, 0), name(inputs, 1)];
    forms.product(writer, { left, right, ...attributes, output: name(outputs, 0) });
  },
  Add: direct("Add"),
  Sub: direct("Sub"),
  Mul: direct("Mul"),
  Sigmoid: direct("Sigmoid"),
  Softmax: direct("Softmax", () => ({ axis: { int: -1 } })),
  Scale(writer, { inputs, outputs, attributes: { factor } }) {
    writer.node("Mul", [name(inputs, 0), writer.float32(factor)], { outputs: names(outputs) });
  },
  Reshape(writer, { inputs, outputs, attributes: { shape } }) {
    writer.node("Reshape", [name(inputs, 0), writer.shape(shape)], { outputs: names(outputs) });
  },
  Transpose: direct("Transpose", ({ attributes: { perm } }) => ({ perm: { ints: perm } })),
  ReduceSum(writer, { inputs, outputs, attributes: { axes } }) {
    writer.node("ReduceSum", [name(inputs, 0), writer.int64(axes)], { outputs: names(outputs) });
  },
  InverseRowNorms(writer, { inputs, outputs }) {
    const norms = writer.node("ReduceL2", [name(inputs, 0), writer.int64([1])], {
      attributes: { keepdims: { int: 0 } },
    });
    writer.node("Reciprocal", [norms], { outputs: names(outputs) });
  },
  Concat: direct("Concat", ({ attributes: { axis } }) => ({ axis: { int: axis } })),
  Split(writer, { inputs, outputs, attributes: { axis, sizes } }) {
    writer.node("Split", [name(inputs, 0), writer.sizes(sizes)], {
      outputs: names(outputs),
      attributes: { axis: { int: axis } },
    });
  },
  Slice(writer, { inputs, outputs, attributes: { axis, start, end } }) {
    const bounds = [writer.size(start), writer.size(end), writer.int64([axis])];
    writer.node("Slice", [name(inputs, 0), ...bounds], { outputs: names(outputs) });
  },
  Pad(writer, { inputs, outputs, attributes: { axis, before, after } }) {
    const pads = writer.sizes([before, after]);
    const bounds = [pads, writer.float32(0), writer.int64([axis])];
    writer.node("Pad", [name(inputs, 0), ...bounds], { outputs: names(outputs) });
  },
  GatherRows: direct("Gather", () => ({ axis: { int: 0 } })),
  SpreadRows: lowerRowMove,
  CollectRows: lowerRowMove,
  ScatterAddRows(writer, { inputs, outputs }) {
    const [indices, updates, like] = [name(inputs, 0), name(inputs, 1), name(inputs, 2)];
    const zeros = writer.node("ConstantOfShape", [writer.node("Shape", [like])]);
    // Not ScatterND: its CPU kernel adds in parallel, so repeated rows race and lose updates.
    const rows = writer.node("Expand", [column(writer, indices), writer.node("Shape", [updates])]);
    writer.node("ScatterElements", [zeros, rows, updates], {
      outputs: names(outputs),
      attributes: { axis: { int: 0 }, reduction: "add" },
    });
  },
  Cast: direct("Cast", ({ attributes: { to } }) => ({ to: { int: CAST_TYPES[to] } })),
  /** One scale per row of codes: ONNX's own blocks along an axis take a slower path for the same result. */
  Dequantize(writer, { inputs, outputs, attributes: { shape } }) {
    const scales = writer.node("Cast", [name(inputs, 1)], {
      attributes: { to: { int: CAST_TYPES.float32 } },
    });
    const blocks = writer.node("DequantizeLinear", [name(inputs, 0), scales], {
      attributes: { axis: { int: 0 } },
    });
    writer.node("Reshape", [blocks, writer.shape(shape)], { outputs: names(outputs) });
  },
  RmsNorm: (writer, node, forms) => forms.rmsNorm(writer, node),
  Rope: (writer, node, forms) => forms.rope(writer, node),
  Attention: lowerAttention,
  AttentionProbabilities(writer, { inputs, outputs, attributes: { scale } }, forms) {
    const [q, k, mask] = inputs as [Value, Value, Value];
    lowerProbabilities(writer, { q, k, mask, p: outputs[0] as Value, scale }, forms);
  },
  After(writer, { inputs, outputs }) {
    writer.after(name(inputs, 0), [name(inputs, 1)], names(outputs));
  },
  SwiGlu(writer, { inputs, outputs }, forms) {
    const silu = name(outputs, 1);
    forms.silu(writer, name(inputs, 0), silu);
    writer.node("Mul", [silu, name(inputs, 1)], { outputs: [name(outputs, 0)] });
  },
  /** logsumexp − label logit = (max logit − label logit) − log(max probability): no pass over [R,V] but the softmax's own. */
  SoftmaxCrossEntropy(writer, { inputs, outputs }) {
    const [logits, labels, coefficients] = [name(inputs, 0), name(inputs, 1), name(inputs, 2)];
    const probabilities = name(outputs, 1);
    writer.node("Softmax", [logits], {
      outputs: [probabilities],
      attributes: { axis: { int: -1 } },
    });
    const last = writer.int64([1]);
    const top = writer.node("ReduceMax", [logits, last]);
    const topProbability = writer.node("ReduceMax", [probabilities, last]);
    const margin = writer.node("Sub", [top, pickLabel(writer, logits, labels)]);
    const loss = writer.node("Sub", [margin, writer.node("Log", [topProbability])]);
    const weighted = writer.node("Mul", [loss, column(writer, coefficients)]);
    const sum = writer.node("ReduceSum", [weighted]);
    writer.node("Reshape", [sum, writer.int64([1])], { outputs: [name(outputs, 0)] });
  },
  LinearCrossEntropy: lowerLinearCrossEntropy,
  SoftmaxCrossEntropyGradient(writer, { inputs, outputs }) {
    const [probabilities, labels, coefficients] = names(inputs) as [string, string, string];
    const weights = column(writer, coefficients);
    const scaled = writer.node("Mul", [probabilities, weights]);
    writer.node(
      "ScatterElements",
      [scaled, column(writer, labels), writer.node("Neg", [weights])],
      {
        outputs: names(outputs),
        attributes: { axis: { int: 1 }, reduction: "add" },
      },
    );
  },
  ArgMaxHit(writer, { inputs, outputs }) {
    const [probabilities, labels] = [name(inputs, 0), name(inputs, 1)];
    const top = writer.node("ReduceMax", [probabilities, writer.int64([1])]);
    const hit = writer.node("GreaterOrEqual", [pickLabel(writer, probabilities, labels), top]);
    const float = writer.node("Cast", [hit], {
      attributes: { to: { int: TensorProto_DataType.FLOAT } },
    });
    writer.node("Reshape", [float, writer.int64([-1])], { outputs: names(outputs) });
  },
  TokenLosses(writer, { inputs, outputs }) {
    const [logits, labels] = [name(inputs, 0), name(inputs, 1)];
    const total = writer.node("ReduceLogSumExp", [logits, writer.int64([1])]);
    const losses = writer.node("Sub", [total, pickLabel(writer, logits, labels)]);
    writer.node("Reshape", [losses, writer.int64([-1])], { outputs: names(outputs) });
  },
  DropoutMask(writer, { inputs, outputs, attributes: { site } }) {
    const [like, pool, offsets] = names(inputs) as [string, string, string];
    const bounds = [writer.int64([site]), writer.int64([site + 1])];
    const start = writer.node("Slice", [offsets, ...bounds]);
    const end = writer.node("Add", [start, writer.node("Size", [like])]);
    const run = writer.node("Slice", [pool, start, end]);
    writer.node("Reshape", [run, writer.node("Shape", [like])], { outputs: names(outputs) });
  },
};

function lowerRowMove(
  writer: ModelWriter,
  { inputs, outputs }: NodeOf<"SpreadRows"> | NodeOf<"CollectRows">,
): void {
  writer.node("Gather", [name(inputs, 0), name(inputs, 1)], {
    outputs: names(outputs),
    attributes: { axis: { int: 0 } },
  });
}

/**
 * Queries of one key head are stacked as rows, (B·K, G·T, D), so that each key head is one product
 * and nothing is expanded; the reshapes move no data.
 */
function lowerAttention(writer: ModelWriter, node: NodeOf<"Attention">, forms: Forms): void {
  const [q, k, v, mask] = node.inputs as [Value, Value, Value, Value];
  const [o, p] = node.outputs as [Value, Value];
  lowerProbabilities(writer, { q, k, mask, p, scale: node.attributes.scale }, forms);
  const v3 = writer.node("Reshape", [v.name, keyed(writer, v)]);
  const product = { left: p.name, right: v3, transA: false, transB: false, alpha: 1 };
  writer.node("Reshape", [forms.product(writer, product), writer.shape(q.shape)], {
    outputs: [o.name],
  });
}

/** [B,K,S,D] → [B·K,S,D]. */
function keyed(writer: ModelWriter, { shape }: Value): string {
  return writer.shape([product(shape.slice(0, 2)), dimAt(shape, 2), dimAt(shape, 3)]);
}

function lowerProbabilities(
  writer: ModelWriter,
  { q, k, mask, p, scale }: { q: Value; k: Value; mask: Value; p: Value; scale: number },
  forms: Forms,
): void {
  const stacked = writer.shape(p.shape);
  const grouped = writer.shape([...p.shape.slice(0, 2), dimAt(q.shape, 3)]);
  const q3 = writer.node("Reshape", [q.name, grouped]);
  const k3 = writer.node("Reshape", [k.name, keyed(writer, k)]);
  const product = { left: q3, right: k3, transA: false, transB: true, alpha: scale };
  const scores = forms.product(writer, product);
  const byHead = writer.shape([...q.shape.slice(0, 3), dimAt(k.shape, 2)]);
  const masked = writer.node("Add", [writer.node("Reshape", [scores, byHead]), mask.name]);
  writer.node("Softmax", [writer.node("Reshape", [masked, stacked])], {
    outputs: [p.name],
    attributes: { axis: { int: -1 } },
  });
}

export function lowerNode(writer: ModelWriter, node: Node, forms: Forms): void {
  const lower = LOWERINGS[node.op] as Lowering<OpType>;
  lower(writer, node as unknown as NodeOf<OpType>, forms);
}
