/** Mails: how well each method tells spam, where it was trained and elsewhere, and what it does to the features. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { ClassifierEvaluation } from "../../src/protocol/evaluation.ts";
import { RUN, SAMPLES, measure, megabytes, percent, printRow, retune } from "./measure.ts";
import { CLASSIFIERS } from "./methods.ts";

const MAILS = path.join(SAMPLES, "data/spam-assassin");
const MAX_LENGTH = 128;

export function compareClassifiers(options: {
  model: string;
  steps: number;
  rateFactor: number;
  /** Mails of each file that are used, from its start; they stand in no order. */
  rows: number;
  names: readonly string[] | undefined;
}): void {
  const { model, steps, rateFactor, rows, names = Object.keys(CLASSIFIERS) } = options;
  if (!existsSync(MAILS))
    throw new Error(`${MAILS} is missing: node samples/fetch-spam-assassin.mjs`);
  const [train, evaluation, shifted] = ["train", "eval", "shifted"].map((part) =>
    firstRows(part, rows),
  );
  console.log(
    `SpamAssassin: at most ${rows} mails of each part, ${MAX_LENGTH} tokens of each, ${steps} steps of 16 rows\n`,
  );
  const head = ["method", "trained", "learning rate", "loss", "accuracy", "macro-F1"];
  printRow([...head, "shifted accuracy", "shifted macro-F1", "features moved", "s", "MB"]);
  printRow(["---", ...Array.from({ length: 10 }, () => "---:")]);
  for (const name of names) {
    const recipe = {
      objective: { type: "classification" as const },
      base: model,
      data: { train: train ?? "", eval: evaluation ?? "", maxLength: MAX_LENGTH },
      epochs: 100,
      ...CLASSIFIERS[name],
      batchSize: 16,
      ...(name === "head" ? {} : { maxSteps: steps }),
      evalEvery: 0,
      saveEvery: 0,
      keepBest: false,
      seed: 42,
    };
    // A head alone is the same convex task whatever the size of the base.
    const measured = measure({ name, recipe, rateFactor: name === "head" ? 1 : rateFactor });
    const moved = elsewhere(name, { model, shifted: shifted ?? "" });
    const { trained, rate, last, seconds, peakBytes } = measured;
    printRow([
      name,
      trained.toLocaleString("en"),
      rate.toExponential(),
      last.evalLoss?.toFixed(3) ?? "",
      percent(last.evalAccuracy),
      last.evalMacroF1?.toFixed(3) ?? "",
      percent(moved.accuracy),
      moved.macroF1.toFixed(3),
      percent(readDistortion()),
      seconds.toFixed(0),
      megabytes(peakBytes),
    ]);
  }
}

function firstRows(part: string, rows: number): string {
  const folder = path.join(import.meta.dirname, "../../out/bench/mails");
  mkdirSync(folder, { recursive: true });
  const lines = readFileSync(path.join(MAILS, `${part}.jsonl`), "utf8").split("\n");
  const file = path.join(folder, `${part}.jsonl`);
  writeFileSync(file, lines.slice(0, rows).join("\n"));
  return file;
}

type Labelled = Exclude<ClassifierEvaluation, { problem: "regression" }>;

function elsewhere(name: string, { model, shifted }: { model: string; shifted: string }): Labelled {
  const adapter = path.join(RUN, "adapter");
  const tuned = existsSync(adapter) ? [model, "--adapter", adapter] : [path.join(RUN, "model")];
  const data = ["--data", shifted, "--max-length", String(MAX_LENGTH), "--json"];
  return JSON.parse(retune(name, ["eval", ...tuned, ...data])) as Labelled;
}

/** How far the evaluation rows' features have moved, as a share of the base features' norm. */
function readDistortion(): number | undefined {
  const text = readFileSync(path.join(RUN, "evaluation.json"), "utf8");
  return (JSON.parse(text) as Labelled).featureDistortion?.relative;
}
