import path from "node:path";
import { describeReport, loadDataset } from "../data/dataset.ts";
import { type Tokenizer, loadTokenizer } from "../data/tokenizer.ts";
import { openBaseModel, resolveBase } from "../models/base-model.ts";
import { adaptedBase } from "../trainer/load-adapter.ts";
import { openDevice } from "../trainer/device-check.ts";
import { EVALUATION_ROWS, type Evaluation, evaluateExamples } from "../trainer/evaluate.ts";
import { openEvaluationEngine } from "../trainer/onnx-engine.ts";
import { InputError } from "../util/errors.ts";
import { type Command, numberOption, parseArguments, print, printError } from "./command.ts";
import { type EngineOptions, evalClassifier, printEvaluation } from "./eval-classifier.ts";
import { DEVICE_CHOICES, deviceOption } from "./device-option.ts";

/** A recipe's own default, so that a run's evaluation loss is found again. */
const DEFAULT_MAX_LENGTH = 512;

export const evalCommand: Command = {
  usage: "eval BASE [--adapter DIR] --data FILE [--json]",
  summary: "loss, perplexity and accuracy on a data file",
  help: `  BASE              a Hugging Face folder or a .gguf file
  --adapter DIR     what a run trained: a folder of PEFT's, or of ReFT's
  --data FILE       a .jsonl file
  --max-length N    longest row in tokens (default: ${DEFAULT_MAX_LENGTH}, or what the model allows)
  --batch-size N    at most so many rows at a time (default: ${EVALUATION_ROWS})
  --loss-on WHAT    auto (assistant and completion tokens) or all
  --device DEVICE   ${DEVICE_CHOICES} (default: auto)
  --features-from BASE
                    of a classifier: also how far its features have moved from this base's
  --json            one JSON object: loss, perplexity, accuracy, tokens; of a classifier
                    loss, accuracy, macroF1, scores of each label, confusion matrix, rows`,
  run: async (args) => {
    const { values, positionals } = parseArguments(args, {
      options: {
        adapter: { type: "string" },
        data: { type: "string" },
        "max-length": { type: "string" },
        "batch-size": { type: "string" },
        "loss-on": { type: "string", default: "auto" },
        "features-from": { type: "string" },
        device: { type: "string", default: "auto" },
        json: { type: "boolean", default: false },
      },
      positionals: ["BASE"],
    });
    if (values.data === undefined) throw new InputError("--data FILE is missing");
    const lossOn = values["loss-on"];
    if (lossOn !== "auto" && lossOn !== "all") {
      throw new InputError(`--loss-on must be auto or all, found "${lossOn}"`);
    }
    const wish = deviceOption(values.device);
    const baseDir = await resolveBase(path.resolve(positionals[0] ?? ""), printError);
    const { adapter: adapterDir } = values;
    const { architecture, classifier } = await adaptedBase(
      await openBaseModel(baseDir),
      adapterDir,
    );
    const maxLength =
      numberOption("max-length", values["max-length"], { min: 1, integer: true }) ??
      Math.min(DEFAULT_MAX_LENGTH, architecture.maxPositions);
    const batchSize =
      numberOption("batch-size", values["batch-size"], { min: 1, integer: true }) ??
      EVALUATION_ROWS;
    const tokenizer = await loadTokenizer(baseDir);
    const log = printError;
    const device = await openDevice(wish, { purpose: "inference", log });
    const engineOptions = { baseDir, adapterDir, maxLength, device, log };
    const { data, json, "features-from": featuresFrom } = values;
    const shared = { engine: engineOptions, tokenizer, dataFile: data, batchSize };
    if (classifier) {
      const evaluation = await evalClassifier({ ...shared, classifier, featuresFrom });
      if (json) print(JSON.stringify(evaluation));
      else printEvaluation(evaluation);
      return 0;
    }
    if (featuresFrom !== undefined) {
      throw new InputError(`--features-from is for classifiers, and ${baseDir} is none`);
    }
    const { loss, accuracy, tokens } = await evalTokens({ ...shared, lossOn });
    const perplexity = Math.exp(loss);
    if (json) print(JSON.stringify({ loss, perplexity, accuracy, tokens }));
    else {
      print(
        `loss ${loss.toFixed(4)}  perplexity ${perplexity.toFixed(3)}  accuracy ${accuracy.toFixed(4)}  tokens ${tokens}`,
      );
    }
    return 0;
  },
};

async function evalTokens(options: {
  engine: EngineOptions;
  tokenizer: Tokenizer;
  dataFile: string;
  batchSize: number;
  lossOn: "auto" | "all";
}): Promise<Evaluation> {
  const { tokenizer, dataFile, batchSize, lossOn } = options;
  const { maxLength } = options.engine;
  const rows = { tokenizer, format: "auto", lossOn, maxLength, overlong: "truncate" } as const;
  const { examples, report } = await loadDataset(dataFile, rows);
  for (const line of describeReport(dataFile, report)) printError(line);
  const engine = await openEvaluationEngine(options.engine);
  try {
    return await evaluateExamples(engine, examples, batchSize);
  } finally {
    await engine.dispose();
  }
}
