import type { RunView } from "../../src/protocol/panel-messages.ts";
import type { RunState } from "../../src/protocol/run-folder.ts";
import { formatBytes, formatChange, formatCount, formatValue } from "../shared/format.ts";
import { formatParameters, formatShare } from "../shared/format.ts";
import type { MetricStore } from "./metric-store.ts";

/** One of the figures under the progress bar. */
export interface Figure {
  label: string;
  value: string;
  /** The small line below: what the value is compared with. */
  note: string;
  tone?: "good" | "bad";
}

/** The figures of a run, those that nothing is known of left out. */
export function summarise(
  store: MetricStore,
  { state, recipe }: Pick<RunView, "state" | "recipe">,
): Figure[] {
  const isClassifier = recipe?.objective.type === "classification";
  const ownFigures = isClassifier ? labelFigures(store) : tokenFigures(store);
  const lossFigures = evaluationFigures(store);
  const evalFigures = lossFigures.length > 0 ? [...lossFigures, ...ownFigures] : [];
  const figures = evalFigures.length > 0 ? evalFigures : trainFigures(store, state);
  return [...figures, ...sizeFigures(store, state)];
}

function evaluationFigures(store: MetricStore): Figure[] {
  const rows = store.rowsWith("evalLoss");
  const first = rows[0];
  const last = rows.at(-1);
  if (first === undefined || last === undefined) return [];
  const lossOf = (row: number) => store.value("evalLoss", row);
  const stepOf = (row: number) => formatCount(store.step[row]);
  const best = rows.reduce((a, b) => (lossOf(b) < lossOf(a) ? b : a));
  const lastLoss = lossOf(last);
  const figures: Figure[] = [
    { label: "Eval loss", value: formatValue(lastLoss), note: `at step ${stepOf(last)}` },
  ];
  if (rows.length > 1) {
    const change = lastLoss / lossOf(first) - 1;
    figures.push(
      {
        label: "Best eval loss",
        value: formatValue(lossOf(best)),
        note: `at step ${stepOf(best)}`,
      },
      {
        label: "Change",
        value: formatChange(change),
        note: `from ${formatValue(lossOf(first))} at step ${stepOf(first)}`,
        ...(change < 0 ? { tone: "good" } : change > 0 ? { tone: "bad" } : {}),
      },
    );
  }
  return figures;
}

function tokenFigures(store: MetricStore): Figure[] {
  const loss = store.last("evalLoss");
  if (loss === undefined) return [];
  return [
    { label: "Perplexity", value: formatValue(Math.exp(loss)), note: "exp(eval loss)" },
    ...accuracyFigures(store, "next tokens right"),
  ];
}

function labelFigures(store: MetricStore): Figure[] {
  const macroF1 = store.last("evalMacroF1");
  return [
    ...accuracyFigures(store, "rows labelled right"),
    ...(macroF1 === undefined
      ? []
      : [{ label: "Macro-F1", value: macroF1.toFixed(3), note: "mean over labels" }]),
  ];
}

function accuracyFigures(store: MetricStore, note: string): Figure[] {
  const accuracy = store.last("evalAccuracy");
  return accuracy === undefined ? [] : [{ label: "Accuracy", value: formatShare(accuracy), note }];
}

function trainFigures(store: MetricStore, state: RunState | undefined): Figure[] {
  const loss = store.last("loss") ?? state?.loss;
  if (loss === undefined) return [];
  return [{ label: "Train loss", value: formatValue(loss), note: "at the last step" }];
}

function sizeFigures(store: MetricStore, state: RunState | undefined): Figure[] {
  const figures: Figure[] = [];
  const { trainableParameters: trainable, totalParameters: total } = state ?? {};
  if (trainable !== undefined) {
    const share = total === undefined ? undefined : trainable / total;
    figures.push({
      label: "Trainable",
      value: formatParameters(trainable),
      note:
        share === undefined ? "parameters" : `${formatShare(share)} of ${formatParameters(total)}`,
    });
  }
  const memory = store.last("rssBytes");
  if (memory !== undefined) {
    const peak = store.column("rssBytes").reduce((a, b) => (b > a ? b : a), 0);
    figures.push({
      label: "Memory",
      value: formatBytes(memory),
      note: `peak ${formatBytes(peak)}`,
    });
  }
  const tokens = store.last("tokens");
  if (tokens !== undefined) {
    figures.push({ label: "Tokens", value: formatParameters(tokens), note: "counted in the loss" });
  }
  return figures;
}
