/**
 * LinearCrossEntropy as ONNX nodes. In a training step the gradient is taken in the forward pass,
 * part by part, so that the logits of only one part exist at a time (as Liger's fused loss does).
 */
import { dimAt, parseDim, product } from "../graph/dim.ts";
import type { NodeOf, Value } from "../graph/graph.ts";
import { TensorProto_DataType } from "./gen/onnx_pb.js";
import type { ModelWriter } from "./model-writer.ts";

type Head = NodeOf<"LinearCrossEntropy">;

/** One part's results by name; losses and hits are columns [r,1]. */
interface Part {
  /** Cross-entropy of each row, unweighted. */
  losses: string;
  hits?: string;
  /** Σ_v p[v]·weight[v] of each row, [r,C]. */
  expected?: string;
  /** Pᵀ∘coefficients · x + the sum so far, [V,C]. */
  dweight?: string;
}

const int = (value: number): { int: number } => ({ int: value });

function gemm(
  writer: ModelWriter,
  inputs: readonly string[],
  { transA = 0, transB = 0 }: { transA?: number; transB?: number },
): string {
  return writer.node("Gemm", inputs, { attributes: { transA: int(transA), transB: int(transB) } });
}

function asFloat32(writer: ModelWriter, name: string, { type }: Value): string {
  if (type === "float32") return name;
  return writer.node("Cast", [name], { attributes: { to: int(TensorProto_DataType.FLOAT) } });
}

function column(writer: ModelWriter, vector: string): string {
  return writer.node("Reshape", [vector, writer.int64([-1, 1])]);
}

function join(writer: ModelWriter, parts: readonly string[], axis: number): string {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  return writer.node("Concat", parts, { attributes: { axis: int(axis) } });
}

export function lowerLinearCrossEntropy(writer: ModelWriter, node: Head): void {
  const { vocabularyChunks, results } = node.attributes;
  const parts = vocabularyChunks > 1 ? [byVocabulary(writer, node)] : byRows(writer, node);
  const [x, weight, labels, coefficients] = node.inputs as [Value, Value, Value, Value];
  const [loss, second, third] = node.outputs as [Value, Value, Value | undefined];
  const weights = column(writer, coefficients.name);
  const losses = join(
    writer,
    parts.map((part) => part.losses),
    0,
  );
  const sum = writer.node("ReduceSum", [writer.node("Mul", [losses, weights])]);
  writer.node("Reshape", [sum, writer.int64([1])], { outputs: [loss.name] });
  if (results === "evaluation") {
    const hits = parts.map(({ hits = "" }) => hits);
    const float = writer.node("Cast", [join(writer, hits, 0)], {
      attributes: { to: int(TensorProto_DataType.FLOAT) },
    });
    writer.node("Reshape", [float, writer.int64([-1])], { outputs: [second.name] });
    const own = third ? [third.name] : [];
    writer.node("Reshape", [losses, writer.int64([-1])], { outputs: own });
    return;
  }
  // dx = coefficient · (Σ_v p[v]·weight[v] − weight[label]): no pass over the probabilities.
  const rows = writer.node("Gather", [weight.name, labels.name], { attributes: { axis: int(0) } });
  const expected = parts.map((part) => part.expected ?? "");
  const gap = writer.node("Sub", [join(writer, expected, 0), asFloat32(writer, rows, weight)]);
  writer.node("Mul", [gap, weights], { outputs: [second.name] });
  if (!third) return;
  const scaled = writer.node("Neg", [writer.node("Mul", [x.name, weights])]);
  const width = dimAt(x.shape, 1);
  const places = writer.node("Expand", [
    column(writer, labels.name),
    writer.sizes([dimAt(x.shape, 0), width]),
  ]);
  // Not ScatterND: its CPU kernel adds in parallel, so repeated rows race and lose updates.
  writer.node("ScatterElements", [parts.at(-1)?.dweight ?? "", places, scaled], {
    outputs: [third.name],
    attributes: { axis: int(0), reduction: "add" },
  });
}

/** A few rows at a time, all of the vocabulary. Each part waits until the one before is done. */
function byRows(writer: ModelWriter, { inputs, attributes }: Head): Part[] {
  const [x, weight, labels, coefficients] = inputs as [Value, Value, Value, Value];
  const head = asFloat32(writer, weight.name, weight);
  const { rowChunks, results } = attributes;
  const { factor, symbols } = parseDim(dimAt(x.shape, 0));
  const at = (chunk: number): string =>
    writer.size(product([(factor * chunk) / rowChunks, ...symbols]));
  const parts: Part[] = [];
  for (let chunk = 0; chunk < rowChunks; chunk++) {
    const before = parts.at(-1);
    const bounds = [at(chunk), at(chunk + 1), writer.int64([0])];
    const take = (name: string): string =>
      rowChunks === 1 ? name : writer.node("Slice", [name, ...bounds]);
    const ready = before ? [before.losses, before.expected, before.dweight] : [];
    const rows = writer.after(take(x.name), ready);
    const label = column(writer, take(labels.name));
    const logits = gemm(writer, [rows, head], { transB: 1 });
    const softmax = writer.node("Softmax", [logits], { attributes: { axis: int(-1) } });
    const { losses, pick, top } = lossesOf(writer, { logits, softmax, label });
    if (results === "evaluation") {
      parts.push({ losses, hits: writer.node("GreaterOrEqual", [pick, top]) });
      continue;
    }
    const expected = gemm(writer, [softmax, head], {});
    const trained = { losses, expected };
    if (results === "weightGradient") {
      const weighted = writer.node("Mul", [rows, column(writer, take(coefficients.name))]);
      const sum = before?.dweight === undefined ? [] : [before.dweight];
      parts.push({ ...trained, dweight: gemm(writer, [softmax, weighted, ...sum], { transA: 1 }) });
    } else parts.push(trained);
  }
  return parts;
}

/**
 * Losses of rows whose logits are at hand: logsumexp − label logit =
 * (top logit − label logit) − log(top probability), no pass over [r,V] but two maxima.
 */
function lossesOf(
  writer: ModelWriter,
  { logits, softmax, label }: { logits: string; softmax: string; label: string },
): { losses: string; pick: string; top: string } {
  const last = writer.int64([1]);
  const pick = writer.node("GatherElements", [logits, label], { attributes: { axis: int(1) } });
  const top = writer.node("ReduceMax", [logits, last]);
  const topProbability = writer.node("ReduceMax", [softmax, last]);
  const margin = writer.node("Sub", [top, pick]);
  const losses = writer.node("Sub", [margin, writer.node("Log", [topProbability])]);
  return { losses, pick, top };
}

/**
 * All rows, a slice of the vocabulary at a time: one pass for the log-sum-exp of every slice, one
 * more for probabilities. Each slice of a half-precision head is widened only while it is used.
 */
function byVocabulary(writer: ModelWriter, { inputs, attributes }: Head): Part {
  const [x, weight, labels, coefficients] = inputs as [Value, Value, Value, Value];
  const { vocabularyChunks, results } = attributes;
  const size = dimAt(weight.shape, 0) as number;
  const step = Math.ceil(size / vocabularyChunks);
  const last = writer.int64([1]);
  const logitsOf = (from: number, ready: readonly (string | undefined)[]) => {
    const bounds = [[from], [Math.min(from + step, size)], [0]].map((v) => writer.int64(v));
    const slice = writer.node("Slice", [weight.name, ...bounds]);
    const head = asFloat32(writer, writer.after(slice, ready), weight);
    return { head, logits: gemm(writer, [x.name, head], { transB: 1 }) };
  };
  const starts = Array.from({ length: Math.ceil(size / step) }, (_, chunk) => chunk * step);
  const sums: string[] = [];
  const tops: string[] = [];
  for (const from of starts) {
    const { logits } = logitsOf(from, [sums.at(-1), tops.at(-1)]);
    sums.push(writer.node("ReduceLogSumExp", [logits, last]));
    tops.push(writer.node("ReduceMax", [logits, last]));
  }
  const total = writer.node("ReduceLogSumExp", [join(writer, sums, 1), last]);
  const rows = writer.node("Gather", [weight.name, labels.name], { attributes: { axis: int(0) } });
  const scores = writer.node("Mul", [x.name, asFloat32(writer, rows, weight)]);
  const pick = writer.node("ReduceSum", [scores, last]);
  const part: Part = { losses: writer.node("Sub", [total, pick]) };
  if (results === "evaluation") {
    // The label's logit comes from another kernel than the maxima: equal only to rounding.
    const top = writer.node("ReduceMax", [join(writer, tops, 1), last]);
    const slack = writer.node("Mul", [writer.node("Abs", [top]), writer.float32(1e-6)]);
    part.hits = writer.node("GreaterOrEqual", [pick, writer.node("Sub", [top, slack])]);
    return part;
  }
  const weighted = writer.node("Mul", [x.name, column(writer, coefficients.name)]);
  const dweights: string[] = [];
  let expected: string | undefined;
  for (const from of starts) {
    const { head, logits } = logitsOf(from, [total, expected, dweights.at(-1)]);
    const softmax = writer.node("Exp", [writer.node("Sub", [logits, total])]);
    expected = gemm(writer, expected ? [softmax, head, expected] : [softmax, head], {});
    if (results === "weightGradient") {
      dweights.push(gemm(writer, [softmax, weighted], { transA: 1 }));
    }
  }
  const dweight = dweights.length > 0 ? { dweight: join(writer, dweights, 0) } : {};
  return { ...part, ...dweight, expected: expected ?? "" };
}
