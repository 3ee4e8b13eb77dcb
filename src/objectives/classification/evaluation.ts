/** How a classifier labelled a set of rows, in figures. */
import type { Example } from "../../data/example.ts";
import type { Classifier } from "../../adapter-files/classifier-head.ts";
import type { ClassifierEvaluation, FeatureDistortion } from "../../protocol/evaluation.ts";
import type { RowAnswer } from "../engine.ts";
import { givenLabels, isRight } from "./head.ts";

/** What the head read of each row before anything was tuned. */
export type BaseFeatures = ReadonlyMap<Example, Float32Array>;

/**
 * @param answers one or more
 * @param loss mean over the rows
 */
export function classifierEvaluation(
  answers: readonly RowAnswer[],
  { problem, labels }: Classifier,
  loss: number,
): ClassifierEvaluation {
  const shared = { rows: answers.length, loss };
  if (problem === "regression") return { ...shared, problem, ...regressionFigures(answers) };
  const scores = labels.map((label, index) => scoreOf(answers, { label, index, problem }));
  const confusion = labels.map((_, row) => {
    const counts = labels.map(() => 0);
    for (const { example, logits } of answers) {
      const [given = 0] = givenLabels(logits, problem);
      if (example.label === row) counts[given] = (counts[given] ?? 0) + 1;
    }
    return counts;
  });
  return {
    ...shared,
    problem,
    accuracy: answers.filter((answer) => isRight(answer, problem)).length / answers.length,
    macroF1: mean(scores.map(({ f1 }) => f1)),
    scores,
    ...(problem === "single-label" ? { confusion } : {}),
  };
}

/** Undefined figures are 0, as scikit-learn's zero_division. */
function scoreOf(
  answers: readonly RowAnswer[],
  { label, index, problem }: { label: string; index: number; problem: Classifier["problem"] },
): { label: string; precision: number; recall: number; f1: number; support: number } {
  let [support, given, both] = [0, 0, 0];
  for (const { example, logits } of answers) {
    const isIts = [example.label ?? []].flat().includes(index);
    const isGiven = givenLabels(logits, problem).includes(index);
    support += Number(isIts);
    given += Number(isGiven);
    both += Number(isIts && isGiven);
  }
  const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
  return {
    label,
    precision: share(both, given),
    recall: share(both, support),
    f1: share(2 * both, given + support),
    support,
  };
}

function regressionFigures(answers: readonly RowAnswer[]): {
  meanSquaredError: number;
  meanAbsoluteError: number;
  r2?: number;
} {
  const rights = answers.map(({ example }) => Number(example.label));
  const differences = answers.map(({ logits }, row) => (logits[0] ?? 0) - (rights[row] ?? 0));
  const centre = mean(rights);
  const meanSquaredError = mean(differences.map((one) => one ** 2));
  const variance = mean(rights.map((one) => (one - centre) ** 2));
  return {
    meanSquaredError,
    meanAbsoluteError: mean(differences.map(Math.abs)),
    ...(variance > 0 ? { r2: 1 - meanSquaredError / variance } : {}),
  };
}

export function featuresByRow(answers: readonly RowAnswer[]): BaseFeatures {
  return new Map(answers.map(({ example, features }) => [example, features]));
}

/** How far the features have moved (arXiv 2202.10054, feature distortion); undefined where no row is known. */
export function featureDistortion(
  answers: readonly RowAnswer[],
  base: BaseFeatures,
): FeatureDistortion | undefined {
  const moves: number[] = [];
  const norms: number[] = [];
  for (const { example, features } of answers) {
    const before = base.get(example);
    if (!before) continue;
    moves.push(norm(features.map((value, i) => value - (before[i] ?? 0))));
    norms.push(norm(before));
  }
  if (moves.length === 0) return undefined;
  return { mean: mean(moves), relative: mean(moves) / mean(norms) };
}

function norm(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
