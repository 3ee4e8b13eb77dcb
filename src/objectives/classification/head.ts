/**
 * The loss of a classification head, as transformers reduces it (a mean over rows, and for several
 * labels over these too), and what its graph is fed.
 */
import type { GraphBuilder } from "../../graph/builder.ts";
import { type Dim, product } from "../../graph/dim.ts";
import type { Value } from "../../graph/graph.ts";
import type { CausalLmOutputs } from "../../graph/causal-lm.ts";
import type { Classifier } from "../../adapter-files/classifier-head.ts";
import { largest } from "../../util/largest.ts";
import { rowLoss } from "./row-loss.ts";
import type { RowAnswer } from "../engine.ts";
import type { FedRow, RowHead } from "../row-head.ts";

/** Names of the graph inputs. */
const FEEDS = {
  rows: "rows",
  labels: "labels",
  values: "values",
  coefficients: "coefficients",
  pool: "pool",
} as const;

/** The head as an engine knows it. */
export function classificationHead(classifier: Classifier): RowHead {
  const { problem, pooling } = classifier;
  return {
    states: pooling === "mean" ? "R" : "B",
    loss: (b, outputs) => classificationLoss(b, outputs, classifier),
    feeds: (rows, options) => classificationFeeds(rows, options, classifier),
    rowLoss: (logits, { label = 0 }) => rowLoss(logits, label, problem),
    isRight: (answer) => isRight(answer, problem),
  };
}

/**
 * Σ coefficient · loss of a row, [1]. From hidden, the chosen states, come the features that the head
 * reads, [B,C], and its logits, [B, labels].
 */
function classificationLoss(
  b: GraphBuilder,
  { hidden, headWeight }: Pick<CausalLmOutputs, "hidden" | "headWeight">,
  classifier: Classifier,
): { loss: Value; logits: Value; features: Value } {
  const features =
    classifier.pooling === "mean"
      ? b.gemm(b.input(FEEDS.pool, "float32", ["B", "R"]), hidden)
      : hidden;
  const logits = b.gemm(features, b.asFloat32(headWeight), { transB: true });
  return { loss: lossOf(b, logits, classifier), logits, features };
}

function lossOf(
  b: GraphBuilder,
  logits: Value,
  { problem, labels: { length: classes } }: Classifier,
): Value {
  switch (problem) {
    case "single-label":
      return crossEntropy(b, logits, "B");
    case "multi-label": {
      // −log σ(z) and −log(1 − σ(z)) are the cross-entropies of the two logits 0 and z.
      const rows = product(["B", classes]);
      const z = b.reshape(logits, [rows, 1]);
      const pairs = b.apply("Concat", [b.scale(z, 0), z], { axis: 1, size: 2 });
      return crossEntropy(b, pairs, rows);
    }
    case "regression": {
      const difference = b.sub(logits, b.input(FEEDS.values, "float32", ["B", 1]));
      const coefficients = b.input(FEEDS.coefficients, "float32", ["B", 1]);
      const squares = b.mul(b.mul(difference, difference), coefficients);
      return b.reshape(b.reduceSum(squares, [0, 1]), [1]);
    }
  }
}

function crossEntropy(b: GraphBuilder, logits: Value, rows: Dim): Value {
  const labels = b.input(FEEDS.labels, "int64", [rows]);
  const coefficients = b.input(FEEDS.coefficients, "float32", [rows]);
  return b.apply("SoftmaxCrossEntropy", [logits, labels, coefficients], {});
}

/**
 * @param rows of one run, one after the other
 * @param options.scale of the loss; a row weighs what its last token does
 * @param options.lead virtual tokens before each row's own
 */
function classificationFeeds(
  rows: readonly FedRow[],
  { scale, lead }: { scale: number; lead: number },
  { problem, pooling, labels: { length: classes } }: Classifier,
): { feeds: Record<string, Float32Array | BigInt64Array>; R: number } {
  const chosen = pooledTokens(rows, lead, pooling);
  const feeds: Record<string, Float32Array | BigInt64Array> = { [FEEDS.rows]: integers(chosen) };
  if (pooling === "mean") feeds[FEEDS.pool] = meanOfRows(rows);
  const labels = rows.map(({ example: { label = 0 } }) => label);
  if (problem === "regression") feeds[FEEDS.values] = Float32Array.from(labels, Number);
  else if (problem === "single-label") feeds[FEEDS.labels] = integers(labels.map(Number));
  else {
    feeds[FEEDS.labels] = integers(
      labels.flatMap((own) =>
        Array.from({ length: classes }, (_, one) => Number([own].flat().includes(one))),
      ),
    );
  }
  const parts = problem === "multi-label" ? classes : 1;
  feeds[FEEDS.coefficients] = Float32Array.from({ length: rows.length * parts }, (_, at) => {
    const weight = rows[Math.floor(at / parts)]?.example.weights.at(-1) ?? 0;
    return (scale * weight) / parts;
  });
  return { feeds, R: chosen.length };
}

/**
 * Where in the flat sequence the states stand that the head reads. Virtual tokens are never among
 * them: the first of a row would be the same for every text, and with prefixes they have no state.
 */
function pooledTokens(
  rows: readonly FedRow[],
  lead: number,
  pooling: Classifier["pooling"],
): number[] {
  let end = 0;
  return rows.flatMap(({ length }) => {
    const first = end + lead;
    end = first + length;
    switch (pooling) {
      case "first":
        return [first];
      case "last":
        return [end - 1];
      case "mean":
        return Array.from({ length }, (_, token) => first + token);
    }
  });
}

/** [B,R]: makes the mean of each row's own tokens, which stand one after the other. */
function meanOfRows(rows: readonly FedRow[]): Float32Array {
  const tokens = rows.reduce((sum, { length }) => sum + length, 0);
  const pool = new Float32Array(rows.length * tokens);
  let before = 0;
  rows.forEach(({ length }, row) => {
    const start = row * tokens + before;
    pool.fill(1 / length, start, start + length);
    before += length;
  });
  return pool;
}

function integers(values: readonly number[]): BigInt64Array {
  return BigInt64Array.from(values, BigInt);
}

/** The labels given: the likeliest one, or all that are likelier than not; of regression none. */
export function givenLabels(logits: Float32Array, problem: Classifier["problem"]): number[] {
  switch (problem) {
    case "single-label":
      return [logits.reduce((best, one, index) => (one > (logits[best] ?? 0) ? index : best), 0)];
    case "multi-label":
      return [...logits.keys()].filter((index) => (logits[index] ?? 0) > 0);
    case "regression":
      return [];
  }
}

/**
 * What the head says of each label of a row: how likely it is among the others (softmax), how likely it is by
 * itself (several labels: sigmoid), or the number that regression gives.
 */
export function labelValues(logits: Float32Array, problem: Classifier["problem"]): number[] {
  switch (problem) {
    case "single-label": {
      const most = largest(logits);
      const powers = Array.from(logits, (one) => Math.exp(one - most));
      const sum = powers.reduce((total, one) => total + one, 0);
      return powers.map((one) => one / sum);
    }
    case "multi-label":
      return Array.from(logits, (one) => 1 / (1 + Math.exp(-one)));
    case "regression":
      return [...logits];
  }
}

/** Whether the row is labelled right whole. */
export function isRight({ example, logits }: RowAnswer, problem: Classifier["problem"]): boolean {
  if (problem === "regression") return false;
  const right = [example.label ?? []].flat().toSorted((a, b) => a - b);
  return givenLabels(logits, problem).join() === right.join();
}
