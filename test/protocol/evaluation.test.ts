/** What an evaluation tells: figures within what they mean, and a table whose columns are all that a line can have. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  EVALUATION_COLUMNS,
  evaluationFiguresSchema,
  evaluationSchema,
  evaluationTableSchema,
  savedEvaluationSchema,
} from "../../src/protocol/evaluation.ts";
import { toCsv } from "../../src/util/csv.ts";

const RESULT = {
  loss: 0.5,
  perplexity: Math.exp(0.5),
  accuracy: 0.8,
  macroF1: 0.7,
  exactMatch: 0.2,
  rows: 3,
  tokens: 40,
  model: "m",
  data: "d",
  base: "/b",
  adapter: "/a",
  file: "/f",
};

test("the CSV has a column for all that a line of the table can have", () => {
  const { results } = evaluationTableSchema.parse({ results: [{ ...RESULT, newer: 1 }] });
  assert.deepEqual(results, [RESULT]);
  assert.deepEqual(Object.keys(RESULT).toSorted(), EVALUATION_COLUMNS.toSorted());
  const [head = "", line = ""] = toCsv(EVALUATION_COLUMNS, results).split("\r\n");
  const cells = line.split(",");
  for (const [at, column] of head.split(",").entries()) {
    assert.equal(cells[at], String(RESULT[column as keyof typeof RESULT]), column);
  }
});

test("a share is from 0 to 1, and something was counted", () => {
  const isFine = (change: object) =>
    evaluationFiguresSchema.safeParse({ loss: 1, rows: 1, ...change }).success;
  for (const share of ["accuracy", "macroF1", "exactMatch"]) {
    assert.ok(isFine({ [share]: 0 }) && isFine({ [share]: 1 }), share);
    assert.ok(!isFine({ [share]: 1.001 }) && !isFine({ [share]: -0.001 }), share);
  }
  assert.ok(isFine({ loss: -3 }), "a density's loss may be below zero");
  for (const wrong of [
    { rows: 0 },
    { tokens: 0 },
    { rows: 1.5 },
    { perplexity: -1 },
    { loss: Number.NaN },
  ]) {
    assert.ok(!isFine(wrong), JSON.stringify(wrong));
  }
});

test("a table without a line is none, and a saved one says its version and name", () => {
  assert.ok(!evaluationTableSchema.safeParse({ results: [] }).success);
  const saved = { version: 1, name: "x", createdAt: "2026-11-27T22:00:00.000Z", results: [RESULT] };
  assert.deepEqual(savedEvaluationSchema.parse(saved), saved);
  for (const change of [{ version: 2 }, { name: "" }, { createdAt: "today" }, { results: [] }]) {
    assert.ok(
      !savedEvaluationSchema.safeParse({ ...saved, ...change }).success,
      JSON.stringify(change),
    );
  }
});

test("a classifier is told by its labels, or by squared error where there are none", () => {
  // scikit-learn's example of classification_report: y_true [0,1,2,2,2], y_pred [0,0,2,2,1].
  const scores = [
    { label: "0", precision: 0.5, recall: 1, f1: 2 / 3, support: 1 },
    { label: "1", precision: 0, recall: 0, f1: 0, support: 1 },
    { label: "2", precision: 1, recall: 2 / 3, f1: 0.8, support: 3 },
  ];
  const confusion = [
    [1, 0, 0],
    [1, 0, 0],
    [0, 1, 2],
  ];
  const labelled = {
    rows: 5,
    loss: 1,
    problem: "single-label",
    accuracy: 0.6,
    macroF1: (2 / 3 + 0.8) / 3,
    scores,
    confusion,
  };
  assert.deepEqual(evaluationSchema.parse(labelled), labelled);
  const regression = {
    rows: 5,
    loss: 1,
    problem: "regression",
    meanSquaredError: 1,
    meanAbsoluteError: 0.5,
  };
  assert.deepEqual(evaluationSchema.parse(regression), regression);
  for (const wrong of [
    { ...regression, problem: "multi-label" },
    { ...labelled, problem: "regression" },
    { ...labelled, scores: [] },
    { ...labelled, confusion: [[-1]] },
    { ...labelled, rows: 0 },
    { ...labelled, problem: "ranking" },
  ]) {
    assert.ok(!evaluationSchema.safeParse(wrong).success, JSON.stringify(wrong));
  }
});
