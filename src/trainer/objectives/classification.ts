/**
 * The loss of a classification head, as transformers reduces it (a mean over rows, and for several
 * labels over these too), and what its graph is fed.
 */
import type { GraphBuilder } from "../../graph/builder.ts";
import { type Dim, product } from "../../graph/dim.ts";
import type { Value } from "../../graph/graph.ts";
import type { Classifier } from "../../models/classifier.ts";
import type { TrimmedRow } from "../ort-feeds.ts";
import type { Feed } from "../ort-session.ts";

/** Names of the graph inputs. */
const FEEDS = {
  rows: "rows",
  labels: "labels",
  values: "values",
  coefficients: "coefficients",
  pool: "pool",
} as const;

/** Hidden states that reach the head: of `mean` all R tokens, else one for each of B rows. */
export function chosenStates({ pooling }: Classifier): Dim {
  return pooling === "mean" ? "R" : "B";
}

/** Σ coefficient · loss of a row. logits of the chosen states → [1], and the pooled logits [B, labels]. */
export function classificationLoss(
  b: GraphBuilder,
  chosen: Value,
  { problem, pooling, labels: { length: classes } }: Classifier,
): { loss: Value; logits: Value } {
  // The head is linear, so that the mean of its results is its result of the mean.
  const logits =
    pooling === "mean" ? b.gemm(b.input(FEEDS.pool, "float32", ["B", "R"]), chosen) : chosen;
  switch (problem) {
    case "single-label":
      return { loss: crossEntropy(b, logits, "B"), logits };
    case "multi-label": {
      // −log σ(z) and −log(1 − σ(z)) are the cross-entropies of the two logits 0 and z.
      const rows = product(["B", classes]);
      const z = b.reshape(logits, [rows, 1]);
      const pairs = b.apply("Concat", [b.scale(z, 0), z], { axis: 1, size: 2 });
      return { loss: crossEntropy(b, pairs, rows), logits };
    }
    case "regression": {
      const difference = b.sub(logits, b.input(FEEDS.values, "float32", ["B", 1]));
      const coefficients = b.input(FEEDS.coefficients, "float32", ["B", 1]);
      const squares = b.mul(b.mul(difference, difference), coefficients);
      return { loss: b.reshape(b.reduceSum(squares, [0, 1]), [1]), logits };
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
 * @param scale coefficient of every row in the loss
 */
export function classificationFeeds(
  rows: readonly TrimmedRow[],
  scale: number,
  { problem, pooling, labels: { length: classes } }: Classifier,
): { feeds: Record<string, Feed>; R: number } {
  const starts: number[] = [];
  let end = 0;
  for (const { length } of rows) {
    starts.push(end);
    end += length;
  }
  const chosen = {
    first: () => starts,
    last: () => rows.map(({ length }, row) => (starts[row] ?? 0) + length - 1),
    mean: () => Array.from({ length: end }, (_, token) => token),
  }[pooling]();
  const feeds: Record<string, Feed> = { [FEEDS.rows]: integers(chosen) };
  if (pooling === "mean") {
    const pool = new Float32Array(rows.length * end);
    rows.forEach(({ length }, row) => {
      const start = row * end + (starts[row] ?? 0);
      pool.fill(1 / length, start, start + length);
    });
    feeds[FEEDS.pool] = pool;
  }
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
  feeds[FEEDS.coefficients] = new Float32Array(rows.length * parts).fill(scale / parts);
  return { feeds, R: chosen.length };
}

function integers(values: readonly number[]): BigInt64Array {
  return BigInt64Array.from(values, BigInt);
}

/** What the head said of a row, and what is right. */
export interface Answer {
  /** One for each label. */
  logits: Float32Array;
  label: number | readonly number[];
}

/** @param logits [B, labels] of the run's rows, in their order */
export function answersOf(rows: readonly TrimmedRow[], logits: Float32Array): Answer[] {
  const classes = logits.length / rows.length;
  return rows.map(({ example: { label = 0 } }, row) => ({
    logits: logits.slice(row * classes, (row + 1) * classes),
    label,
  }));
}

/** Whether the answer is right whole: the likeliest label, or all that are likelier than not. */
export function isRight({ logits, label }: Answer, problem: Classifier["problem"]): boolean {
  switch (problem) {
    case "single-label":
      return argMax(logits) === label;
    case "multi-label":
      return logits.every((logit, one) => logit > 0 === [label].flat().includes(one));
    case "regression":
      return false;
  }
}

export function argMax(values: Float32Array): number {
  return values.reduce((best, value, index) => (value > (values[best] ?? 0) ? index : best), 0);
}
