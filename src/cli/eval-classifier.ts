/** `retune eval` of a classifier: how it labels a file. */
import { loadLabelledRows } from "../data/labelled-rows.ts";
import type { Tokenizer } from "../data/tokenizer.ts";
import type { Classifier } from "../adapter-files/classifier-head.ts";
import { openBaseModel, resolveBase } from "../models/base-model.ts";
import type { ClassifierEvaluation } from "../protocol/evaluation.ts";
import { type Evaluation, evaluateExamples } from "../training/evaluate.ts";
import {
  classifierEvaluation,
  featureDistortion,
  featuresByRow,
} from "../objectives/classification/evaluation.ts";
import { openEvaluationEngine } from "../onnx-engine/onnx-engine.ts";
import type { Device } from "../onnx-engine/device.ts";
import { print } from "./output.ts";
import { textTable } from "./text-table.ts";

type Engine = Awaited<ReturnType<typeof openEvaluationEngine>>;

interface EvalClassifierOptions {
  engine: Engine;
  /** Of the engine. */
  device: Device;
  /** Longest row in tokens. */
  maxLength: number;
  classifier: Classifier;
  tokenizer: Tokenizer;
  vocabSize: number;
  dataFile: string;
  batchSize: number;
  /** A base to tell how far the features have moved from. */
  featuresFrom: string | undefined;
  log: (line: string) => void;
}

/** @throws InputError naming file and line of a row that can't be used */
export async function evalClassifier(
  options: EvalClassifierOptions,
): Promise<ClassifierEvaluation> {
  const { classifier, tokenizer, dataFile, batchSize, maxLength, featuresFrom, log } = options;
  const { examples, report } = await loadLabelledRows(dataFile, {
    tokenizer,
    vocabSize: options.vocabSize,
    ...classifier,
    maxLength,
    overlong: "truncate",
  });
  for (const line of report) log(line);
  const { loss, answers } = await evaluateExamples(options.engine, examples, batchSize);
  const evaluation = classifierEvaluation(answers, classifier, loss);
  if (featuresFrom === undefined) return evaluation;
  const baseDir = await resolveBase(featuresFrom, log);
  await openBaseModel(baseDir);
  const { device } = options;
  const engine = await openEvaluationEngine({ baseDir, emptyHead: classifier, maxLength, device });
  let before: Evaluation;
  try {
    before = await evaluateExamples(engine, examples, batchSize);
  } finally {
    await engine.dispose();
  }
  const distortion = featureDistortion(answers, featuresByRow(before.answers));
  return { ...evaluation, ...(distortion ? { featureDistortion: distortion } : {}) };
}

export function printEvaluation(evaluation: ClassifierEvaluation): void {
  const { loss, rows, featureDistortion: moved } = evaluation;
  if (evaluation.problem === "regression") {
    const { meanSquaredError, meanAbsoluteError, r2 } = evaluation;
    const explained = r2 === undefined ? "" : `  R² ${r2.toFixed(4)}`;
    print(
      `mean squared error ${meanSquaredError.toFixed(4)}  mean absolute error ${meanAbsoluteError.toFixed(4)}${explained}  rows ${rows}`,
    );
  } else {
    const { accuracy, macroF1 } = evaluation;
    print(
      `loss ${loss.toFixed(4)}  accuracy ${accuracy.toFixed(4)}  macro-F1 ${macroF1.toFixed(4)}  rows ${rows}`,
    );
    print(`\n${textTable(scoreCells(evaluation))}`);
    if (evaluation.confusion) print(`\n${textTable(confusionCells(evaluation))}`);
  }
  if (!moved) return;
  print(
    `\nfeature distortion ${moved.mean.toPrecision(4)} (${(100 * moved.relative).toFixed(2)} % of the features' norm)`,
  );
}

type Labelled = Exclude<ClassifierEvaluation, { problem: "regression" }>;

function scoreCells({ scores }: Labelled): string[][] {
  const body = scores.map(({ label, precision, recall, f1, support }) => [
    shortened(label),
    ...[precision, recall, f1].map((value) => value.toFixed(4)),
    String(support),
  ]);
  return [["label", "precision", "recall", "F1", "rows"], ...body];
}

/** A line for each label, a column for each label given. */
function confusionCells({ scores, confusion = [] }: Labelled): string[][] {
  const labels = scores.map(({ label }) => shortened(label));
  const body = confusion.map((counts, row) => [labels[row] ?? "", ...counts.map(String)]);
  return [["label \\ given", ...labels], ...body];
}

const MAX_LABEL = 24;

function shortened(label: string): string {
  return label.length <= MAX_LABEL ? label : `${label.slice(0, MAX_LABEL - 1)}…`;
}
