/** How a classifier labels a file, in words and tables. */
import type { ClassifierEvaluation } from "../protocol/evaluation.ts";
import { print } from "./output.ts";
import { textTable } from "./text-table.ts";

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
