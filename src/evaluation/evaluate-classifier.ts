/** How a classifier labels a file. */
import { loadLabelledRows } from "../data/labelled-rows.ts";
import type { Tokenizer } from "../data/tokenizer.ts";
import type { Classifier } from "../adapter-files/classifier-head.ts";
import { resolveBase } from "../bases/load-base.ts";
import { openBaseModel } from "../models/base-model.ts";
import type { ClassifierEvaluation } from "../protocol/evaluation.ts";
import { type Evaluation, evaluateExamples } from "../objectives/evaluate-examples.ts";
import {
  classifierEvaluation,
  featureDistortion,
  featuresByRow,
} from "../objectives/classification/evaluation.ts";
import { openEvaluationEngine } from "../onnx-engine/onnx-engine.ts";
import type { Device } from "../onnx-engine/device.ts";

type Engine = Awaited<ReturnType<typeof openEvaluationEngine>>;

interface ClassifierOptions {
  engine: Engine;
  /** What the engine runs on. */
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
export async function evaluateClassifier(
  options: ClassifierOptions,
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
  const { loss, answers } = await evaluateExamples(options.engine, examples, { batchSize });
  const evaluation = classifierEvaluation(answers, classifier, loss);
  if (featuresFrom === undefined) return evaluation;
  const baseDir = await resolveBase(featuresFrom, log);
  await openBaseModel(baseDir);
  const { device } = options;
  const engine = await openEvaluationEngine({ baseDir, emptyHead: classifier, maxLength, device });
  let before: Evaluation;
  try {
    before = await evaluateExamples(engine, examples, { batchSize });
  } finally {
    await engine.dispose();
  }
  const distortion = featureDistortion(answers, featuresByRow(before.answers));
  return { ...evaluation, ...(distortion ? { featureDistortion: distortion } : {}) };
}
