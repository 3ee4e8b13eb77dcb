/** One model on data files: what `eval` prints and `interpolate` plots. */
import { describeReport } from "../data/dataset-report.ts";
import { type Dataset, type DatasetOptions, loadDataset } from "../data/dataset.ts";
import { startTemplates } from "../data/templates/early-start.ts";
import { loadTokenizer } from "../data/tokenizer.ts";
import { type BaseModel, openBaseModel } from "../models/base-model.ts";
import type { DeviceWish, PrecisionWish } from "../protocol/engines/onnx.ts";
import type { ClassifierEvaluation, EvaluationFigures } from "../protocol/evaluation.ts";
import { adaptedBase } from "../onnx-engine/load-adapter.ts";
import { openDevice } from "../onnx-engine/device-check.ts";
import {
  EVALUATION_ROWS,
  type Evaluation,
  evaluateExamples,
} from "../objectives/evaluate-examples.ts";
import { openEvaluationEngine } from "../onnx-engine/onnx-engine.ts";
import { tokenizerPlace } from "../adapter-files/tokenizer-place.ts";
import { InputError } from "../util/errors.ts";
import { evaluateClassifier } from "./evaluate-classifier.ts";

/** A recipe's own default, so that a run's evaluation loss is found again. */
export const DEFAULT_MAX_LENGTH = 512;

/** As many rows of a file as can be. */
const EVALUATED = { format: "auto", overlong: "truncate" } as const;

export interface EvaluatorOptions {
  /** A Hugging Face folder. */
  baseDir: string;
  adapterDir?: string | undefined;
  /** Left out: DEFAULT_MAX_LENGTH, or what the model allows. */
  maxLength?: number | undefined;
  batchSize?: number | undefined;
  lossOn: "auto" | "all";
  /** A base to tell how far a classifier's features have moved from. */
  featuresFrom?: string | undefined;
  device: DeviceWish;
  /** Left out: float32, for figures to compare. */
  precision?: PrecisionWish | undefined;
  log: (line: string) => void;
}

export interface FileEvaluation {
  figures: EvaluationFigures;
  /** All there is to tell of a classifier. */
  classifier?: ClassifierEvaluation;
}

/** A model that is opened once and evaluated on any number of files. */
export interface Evaluator {
  /** @throws InputError naming file and line of a row that can't be used, or a loss that is no number */
  evaluate(dataFile: string): Promise<FileEvaluation>;
  dispose(): Promise<void>;
}

/** A model that is open, with what its rows need. */
export async function openEvaluated(
  { architecture, classifier }: BaseModel,
  options: Pick<
    EvaluatorOptions,
    "baseDir" | "adapterDir" | "maxLength" | "device" | "precision" | "log"
  >,
) {
  const { baseDir, adapterDir, precision, log } = options;
  const maxLength = options.maxLength ?? Math.min(DEFAULT_MAX_LENGTH, architecture.maxPositions);
  const place = await tokenizerPlace(baseDir, adapterDir);
  if (place.note !== undefined) log(place.note);
  const tokenizer = await loadTokenizer(baseDir, place);
  const device = await openDevice(options.device, { purpose: "inference", precision, log });
  const engine = await openEvaluationEngine({ baseDir, adapterDir, maxLength, device, log });
  return { engine, tokenizer, vocabSize: architecture.vocabSize, maxLength, device, classifier };
}

/** @throws InputError for a model that can't be used */
export async function openEvaluator(options: EvaluatorOptions): Promise<Evaluator> {
  const { baseDir, adapterDir, featuresFrom, lossOn, log } = options;
  const { batchSize = EVALUATION_ROWS } = options;
  const base = await adaptedBase(await openBaseModel(baseDir), adapterDir);
  if (featuresFrom !== undefined && !base.classifier) {
    throw new InputError(`--features-from is for classifiers, and ${baseDir} is none`);
  }
  const opened = await openEvaluated(base, options);
  const { engine, tokenizer, vocabSize, maxLength, device, classifier } = opened;
  const shared = { engine, tokenizer, vocabSize, maxLength, batchSize, log };
  return {
    evaluate: async (dataFile) => {
      if (classifier) {
        const labelled = { ...shared, classifier, dataFile, featuresFrom, device };
        const evaluation = await evaluateClassifier(labelled);
        return { figures: checked(labelFigures(evaluation), dataFile), classifier: evaluation };
      }
      const rows = { tokenizer, vocabSize, lossOn, maxLength, ...EVALUATED };
      const { examples, report } = await loadAll(dataFile, rows);
      for (const line of describeReport(dataFile, report)) log(line);
      const evaluation = await evaluateExamples(engine, examples, { batchSize });
      return { figures: checked(tokenFigures(evaluation), dataFile) };
    },
    dispose: () => engine.dispose(),
  };
}

/** The only file: the memory that rendering took is given back. */
async function loadAll(file: string, options: DatasetOptions): Promise<Dataset> {
  try {
    return await loadDataset(file, options);
  } finally {
    await options.tokenizer.chatTemplate?.close();
  }
}

/** @throws InputError for a model, or naming file and line of a row, that can't be used */
export async function evaluateFile(
  options: EvaluatorOptions & { dataFile: string },
): Promise<FileEvaluation> {
  const { baseDir, adapterDir, dataFile } = options;
  const modelDirs = [baseDir, ...(adapterDir === undefined ? [] : [adapterDir])];
  void startTemplates(dataFile, { format: "auto", modelDirs });
  const evaluator = await openEvaluator(options);
  try {
    return await evaluator.evaluate(options.dataFile);
  } finally {
    await evaluator.dispose();
  }
}

function tokenFigures({ loss, accuracy, exactMatch, rows, tokens }: Evaluation): EvaluationFigures {
  const perplexity = Math.min(Math.exp(loss), Number.MAX_VALUE);
  return { loss, perplexity, accuracy, exactMatch, rows, tokens };
}

function labelFigures(evaluation: ClassifierEvaluation): EvaluationFigures {
  const { loss, rows } = evaluation;
  if (evaluation.problem === "regression") return { loss, rows };
  const { accuracy, macroF1 } = evaluation;
  return { loss, accuracy, macroF1, rows };
}

/** JSON has no NaN, and no figure of such a model means anything. */
function checked(figures: EvaluationFigures, dataFile: string): EvaluationFigures {
  if (Number.isFinite(figures.loss)) return figures;
  throw new InputError(
    `${dataFile}: the loss is ${figures.loss}: the model's weights hold NaN or its values overflow; evaluate an earlier checkpoint`,
  );
}
