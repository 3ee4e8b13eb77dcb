/** Figures of a classifier, by hand from their definitions (and as scikit-learn's classification_report has them). */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Example } from "../../../src/data/example.ts";
import type { Classifier } from "../../../src/adapter-files/classifier-head.ts";
import type { RowAnswer } from "../../../src/objectives/engine.ts";
import {
  classifierEvaluation,
  featureDistortion,
  featuresByRow,
} from "../../../src/objectives/classification/evaluation.ts";
import { evaluationSchema } from "../../../src/protocol/evaluation.ts";

function answer(label: NonNullable<Example["label"]>, logits: number[], features = [0]): RowAnswer {
  const example = { ids: new Int32Array(1), weights: new Float32Array(1), line: 1, label };
  return { example, logits: Float32Array.from(logits), features: Float32Array.from(features) };
}

const classifier = (problem: Classifier["problem"], labels: string[]): Classifier => ({
  problem,
  labels,
  pooling: "last",
});

test("single-label: accuracy, macro-F1, confusion matrix, and a label that is never given", () => {
  const given = (label: number, index: number): RowAnswer =>
    answer(
      label,
      [0, 1, 2].map((one) => Number(one === index)),
    );
  // ham 3 (2 right), spam 2 (2 right), eggs 1 (labelled ham).
  const answers = [
    [0, 0],
    [0, 0],
    [0, 1],
    [1, 1],
    [1, 1],
    [2, 0],
  ].map(([a, b]) => given(a!, b!));
  const evaluation = classifierEvaluation(
    answers,
    classifier("single-label", ["ham", "spam", "eggs"]),
    0.5,
  );
  assert.ok(evaluation.problem === "single-label");
  assert.equal(evaluation.accuracy, 4 / 6);
  assert.deepEqual(evaluation.confusion, [
    [2, 1, 0],
    [0, 2, 0],
    [1, 0, 0],
  ]);
  assert.deepEqual(evaluation.scores, [
    { label: "ham", precision: 2 / 3, recall: 2 / 3, f1: 2 / 3, support: 3 },
    { label: "spam", precision: 2 / 3, recall: 1, f1: 4 / 5, support: 2 },
    { label: "eggs", precision: 0, recall: 0, f1: 0, support: 1 },
  ]);
  assert.ok(Math.abs(evaluation.macroF1 - (2 / 3 + 4 / 5) / 3) < 1e-12);
  assert.deepEqual(evaluationSchema.parse(evaluation), evaluation);
});

test("multi-label: a row is right when all its labels are; each label has its own scores", () => {
  const answers = [
    answer([0, 1], [1, 2]),
    answer([], [-1, -2]),
    answer([1], [3, 1]),
    answer([0], [-1, -1]),
  ];
  const evaluation = classifierEvaluation(answers, classifier("multi-label", ["a", "b"]), 0.5);
  assert.ok(evaluation.problem === "multi-label");
  assert.equal(evaluation.accuracy, 2 / 4);
  assert.equal(evaluation.confusion, undefined);
  assert.deepEqual(evaluation.scores, [
    { label: "a", precision: 1 / 2, recall: 1 / 2, f1: 1 / 2, support: 2 },
    { label: "b", precision: 1, recall: 1, f1: 1, support: 2 },
  ]);
});

test("regression: squared and absolute error, and R² where there is variance to explain", () => {
  const answers = [answer(1, [2]), answer(3, [3]), answer(5, [3])];
  const evaluation = classifierEvaluation(answers, classifier("regression", ["LABEL_0"]), 5 / 3);
  assert.ok(evaluation.problem === "regression");
  assert.equal(evaluation.meanSquaredError, 5 / 3);
  assert.equal(evaluation.meanAbsoluteError, 1);
  assert.ok(Math.abs(evaluation.r2! - (1 - 5 / 8)) < 1e-12);
  const same = classifierEvaluation([answer(1, [2])], classifier("regression", ["LABEL_0"]), 1);
  assert.ok(same.problem === "regression" && same.r2 === undefined);
});

test("feature distortion: the mean way that features moved, also as a share of where they were", () => {
  const before = [answer(0, [0], [3, 4]), answer(0, [0], [0, 1])];
  const after = before.map((one, row) => ({
    ...one,
    features: Float32Array.from(row === 0 ? [3, 4] : [0, 3]),
  }));
  assert.deepEqual(featureDistortion(after, featuresByRow(before)), { mean: 1, relative: 1 / 3 });
  assert.equal(featureDistortion(after, new Map()), undefined);
});
