import path from "node:path";
import { resolveBase } from "../models/base-model.ts";
import { EVALUATION_ROWS } from "../trainer/evaluate.ts";
import { InputError } from "../util/errors.ts";
import { type Command, numberOption, parseArguments, print, printError } from "./command.ts";
import { DEVICE_CHOICES, deviceOption } from "./device-option.ts";
import { printEvaluation } from "./eval-classifier.ts";
import { DEFAULT_MAX_LENGTH, evaluateFile } from "./evaluate-file.ts";

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
    const whole = (name: "max-length" | "batch-size"): number | undefined =>
      numberOption(name, values[name], { min: 1, integer: true });
    const result = await evaluateFile({
      baseDir,
      adapterDir: values.adapter,
      dataFile: values.data,
      maxLength: whole("max-length"),
      batchSize: whole("batch-size"),
      lossOn,
      featuresFrom: values["features-from"],
      device: wish,
      log: printError,
    });
    if (result.kind === "labels") {
      if (values.json) print(JSON.stringify(result.evaluation));
      else printEvaluation(result.evaluation);
      return 0;
    }
    const { loss, accuracy, tokens } = result;
    const perplexity = Math.exp(loss);
    if (values.json) print(JSON.stringify({ loss, perplexity, accuracy, tokens }));
    else {
      print(
        `loss ${loss.toFixed(4)}  perplexity ${perplexity.toFixed(3)}  accuracy ${accuracy.toFixed(4)}  tokens ${tokens}`,
      );
    }
    return 0;
  },
};
