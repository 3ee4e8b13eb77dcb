/** One model on one data file: what `eval` prints and `interpolate` plots. */
import { describeReport, loadDataset } from "../data/dataset.ts";
import { type Tokenizer, loadTokenizer } from "../data/tokenizer.ts";
import { openBaseModel } from "../models/base-model.ts";
import type { DeviceWish } from "../protocol/recipe.ts";
import type { ClassifierEvaluation } from "../protocol/evaluation.ts";
import { adaptedBase } from "../trainer/load-adapter.ts";
import { openDevice } from "../trainer/device-check.ts";
import { EVALUATION_ROWS, type Evaluation, evaluateExamples } from "../trainer/evaluate.ts";
import { openEvaluationEngine } from "../trainer/onnx-engine.ts";
import { InputError } from "../util/errors.ts";
import { type EngineOptions, evalClassifier } from "./eval-classifier.ts";

/** A recipe's own default, so that a run's evaluation loss is found again. */
export const DEFAULT_MAX_LENGTH = 512;

export interface FileEvaluationOptions {
  /** A Hugging Face folder. */
  baseDir: string;
  adapterDir?: string | undefined;
  dataFile: string;
  /** Left out: DEFAULT_MAX_LENGTH, or what the model allows. */
  maxLength?: number | undefined;
  batchSize?: number | undefined;
  lossOn: "auto" | "all";
  /** Of a classifier: a base to tell how far the features have moved from. */
  featuresFrom?: string | undefined;
  device: DeviceWish;
  log: (line: string) => void;
}

export type FileEvaluation =
  | { kind: "tokens"; loss: number; accuracy: number; tokens: number }
  | { kind: "labels"; evaluation: ClassifierEvaluation };

/** @throws InputError for a model, or naming file and line of a row, that can't be used */
export async function evaluateFile(options: FileEvaluationOptions): Promise<FileEvaluation> {
  const { baseDir, adapterDir, dataFile, featuresFrom, lossOn, log } = options;
  const { batchSize = EVALUATION_ROWS } = options;
  const { architecture, classifier } = await adaptedBase(await openBaseModel(baseDir), adapterDir);
  const maxLength = options.maxLength ?? Math.min(DEFAULT_MAX_LENGTH, architecture.maxPositions);
  const tokenizer = await loadTokenizer(baseDir);
  const device = await openDevice(options.device, { purpose: "inference", log });
  const engine = { baseDir, adapterDir, maxLength, device, log };
  const shared = { engine, tokenizer, dataFile, batchSize, log };
  if (classifier) {
    const evaluation = await evalClassifier({ ...shared, classifier, featuresFrom });
    return { kind: "labels", evaluation };
  }
  if (featuresFrom !== undefined) {
    throw new InputError(`--features-from is for classifiers, and ${baseDir} is none`);
  }
  const { loss, accuracy, tokens } = await evalTokens({ ...shared, lossOn });
  return { kind: "tokens", loss, accuracy, tokens };
}

async function evalTokens(options: {
  engine: EngineOptions;
  tokenizer: Tokenizer;
  dataFile: string;
  batchSize: number;
  lossOn: "auto" | "all";
  log: (line: string) => void;
}): Promise<Evaluation> {
  const { tokenizer, dataFile, batchSize, lossOn, log } = options;
  const { maxLength } = options.engine;
  const rows = { tokenizer, format: "auto", lossOn, maxLength, overlong: "truncate" } as const;
  const { examples, report } = await loadDataset(dataFile, rows);
  for (const line of describeReport(dataFile, report)) log(line);
  const engine = await openEvaluationEngine(options.engine);
  try {
    return await evaluateExamples(engine, examples, batchSize);
  } finally {
    await engine.dispose();
  }
}
