import { stat } from "node:fs/promises";
import path from "node:path";
import writeFileAtomic from "write-file-atomic";
import { EVALUATION_COLUMNS, type EvaluationResult } from "../protocol/evaluation.ts";
import { resolveBase } from "../bases/load-base.ts";
import { EVALUATION_ROWS } from "../objectives/evaluate-examples.ts";
import { toCsv } from "../util/csv.ts";
import { InputError } from "../util/errors.ts";
import { type Command, numberOption, parseArguments } from "./command.ts";
import { print, printError } from "./output.ts";
import {
  DEVICE_CHOICES,
  PRECISION_CHOICES,
  deviceOption,
  precisionOption,
} from "./device-option.ts";
import { printEvaluation } from "./classifier-text.ts";
import { comparedModels, evaluateTable } from "../evaluation/compare-models.ts";
import { evaluationText } from "./evaluation-text.ts";
import {
  DEFAULT_MAX_LENGTH,
  type EvaluatorOptions,
  evaluateFile,
} from "../evaluation/evaluate-file.ts";
import { type NamedPath, checkReadable, namedPath, withNames } from "./named-path.ts";

const OPTIONS = {
  adapter: { type: "string", multiple: true },
  data: { type: "string", multiple: true },
  "max-length": { type: "string" },
  "batch-size": { type: "string" },
  "loss-on": { type: "string", default: "auto" },
  "features-from": { type: "string" },
  device: { type: "string", default: "auto" },
  precision: { type: "string", default: "float32" },
  csv: { type: "string" },
  json: { type: "boolean", default: false },
} as const;

export const evalCommand: Command = {
  usage: "eval MODEL [MODEL …] [--adapter DIR] --data [NAME=]FILE [--csv FILE] [--json]",
  summary: "loss, perplexity, accuracy, exact match on data files; models side by side",
  help: `  MODEL             a Hugging Face folder or a .gguf file; NAME=MODEL to name it
  --adapter DIR     what a run trained: a folder of PEFT's, or of ReFT's; several times to compare them
  --data FILE       a data file; NAME=FILE, several times, for a table
  --max-length N    longest row in tokens (default: ${DEFAULT_MAX_LENGTH}, or what the model allows)
  --batch-size N    at most so many rows at a time (default: ${EVALUATION_ROWS})
  --loss-on WHAT    auto (assistant and completion tokens) or all
  --device DEVICE   ${DEVICE_CHOICES} (default: auto)
  --precision P     ${PRECISION_CHOICES} (default: float32)
  --features-from BASE
                    of one classifier: also how far its features have moved from this base's
  --csv FILE        also writes the table as comma-separated values
  --json            one JSON object: loss, perplexity, accuracy, exactMatch, rows, tokens; of a
                    classifier loss, accuracy, macroF1, scores of each label, confusion matrix, rows;
                    of several models or data files {"results": [{"model", "data", "loss", …}]}

One model (or one with one adapter) on one plain FILE is told in full. Several models, adapters or
data files, or data with a name, make a table: each model, then the one model with each adapter.
Exact match is the share of rows in which every counted token is the likeliest one, so that greedy
decoding would give the row's answer exactly.`,
  run: async (args) => {
    const positionals = ["MODEL"];
    const parsed = parseArguments(args, { options: OPTIONS, positionals, takesMore: true });
    const { values } = parsed;
    if (values.data === undefined) throw new InputError("--data FILE is missing");
    const asNamed = (texts: readonly string[] = []): Promise<NamedPath[]> =>
      Promise.all(texts.map(namedPath));
    const models = await asNamed(parsed.positionals);
    const adapters = await asNamed(values.adapter);
    const data = await asNamed(values.data);
    if (adapters.length > 0 && models.length > 1) {
      throw new InputError(
        `--adapter goes with one MODEL, found ${models.length}; merge the adapter to compare it with other models`,
      );
    }
    const evaluator = evaluatorOptions(values);
    const isPlain =
      Math.max(models.length, adapters.length, data.length) === 1 && data[0]?.name === undefined;
    await checkReadable(data);
    if (values.csv !== undefined) await checkFolder(values.csv);
    const request = { models, adapters, data, evaluator, json: values.json };
    const results = isPlain ? await evalOne(request) : await evalMany(request);
    if (values.csv !== undefined) {
      await writeFileAtomic(values.csv, toCsv(EVALUATION_COLUMNS, results));
    }
    return 0;
  },
};

type Values = ReturnType<typeof parseArguments<typeof OPTIONS>>["values"];
type SharedOptions = Omit<EvaluatorOptions, "baseDir" | "adapterDir">;

function evaluatorOptions(values: Values): SharedOptions {
  const lossOn = values["loss-on"];
  if (lossOn !== "auto" && lossOn !== "all") {
    throw new InputError(`--loss-on must be auto or all, found "${lossOn}"`);
  }
  const whole = (name: "max-length" | "batch-size"): number | undefined =>
    numberOption(name, values[name], { min: 1, integer: true });
  return {
    maxLength: whole("max-length"),
    batchSize: whole("batch-size"),
    lossOn,
    featuresFrom: values["features-from"],
    device: deviceOption(values.device),
    precision: precisionOption(values.precision),
    log: printError,
  };
}

interface Request {
  models: readonly NamedPath[];
  adapters: readonly NamedPath[];
  data: readonly NamedPath[];
  evaluator: SharedOptions;
  json: boolean;
}

async function evalOne({ models, adapters, data, evaluator, json }: Request) {
  const [model] = withNames(models);
  const [file] = withNames(data);
  const [adapter] = adapters.length === 0 ? [] : withNames(adapters);
  if (!model || !file) throw new Error("internal: nothing to evaluate");
  const baseDir = await resolveBase(model.path, printError);
  const shared = { ...evaluator, baseDir, adapterDir: adapter?.path, dataFile: file.path };
  const { figures, classifier } = await evaluateFile(shared);
  if (json) print(JSON.stringify(classifier ?? figures));
  else if (classifier) printEvaluation(classifier);
  else {
    const { loss, perplexity = 0, accuracy = 0, exactMatch = 0, rows, tokens } = figures;
    const parts = [
      `loss ${loss.toFixed(4)}`,
      `perplexity ${perplexity.toFixed(3)}`,
      `accuracy ${accuracy.toFixed(4)}`,
      `exact match ${exactMatch.toFixed(4)}`,
      `rows ${rows}`,
      `tokens ${tokens}`,
    ];
    print(parts.join("  "));
  }
  const result: EvaluationResult = {
    model: adapter ? `${model.name} + ${adapter.name}` : model.name,
    data: file.name,
    ...figures,
    base: model.path,
    ...(adapter ? { adapter: adapter.path } : {}),
    file: file.path,
  };
  return [result];
}

async function evalMany({ models, adapters, data, evaluator, json }: Request) {
  if (evaluator.featuresFrom !== undefined) {
    throw new InputError("--features-from goes with one model and one plain --data FILE");
  }
  const named = withNames(data);
  const compared = await comparedModels(withNames(models), withNames(adapters), printError);
  const results = await evaluateTable(compared, { data: named, evaluator, log: printError });
  print(json ? JSON.stringify({ results }) : evaluationText(results));
  return results;
}

/** @throws InputError before an evaluation that could not be written in the end */
async function checkFolder(file: string): Promise<void> {
  const folder = path.dirname(path.resolve(file));
  const found = await stat(folder).catch(() => undefined);
  if (!found?.isDirectory()) throw new InputError(`--csv ${file}: there is no folder ${folder}`);
}
