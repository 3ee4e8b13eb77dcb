import type { FigureFacts, FigureUnit } from "../../src/protocol/figures.ts";
import type { RunView } from "../../src/protocol/panel-messages.ts";
import type { RunState } from "../../src/protocol/run-folder.ts";
import { formatBytes, formatChange, formatCount, formatValue } from "../shared/format.ts";
import { formatParameters, formatShare, UNKNOWN } from "../shared/format.ts";
import { keptMark } from "./kept.ts";
import type { MetricStore } from "./metric-store.ts";

/** One of the figures under the progress bar. */
export interface Figure {
  label: string;
  value: string;
  /** The small line below: what the value is compared with. */
  note: string;
  tone?: "good" | "bad";
}

/**
 * The figures of a run: of the weights that it kept once it has ended, of the newest ones until then.
 * What is not known yet has its place from the start, so that nothing below it moves.
 */
export function summarise(
  store: MetricStore,
  run: Pick<RunView, "state" | "recipe" | "objective" | "foreign">,
): Figure[] {
  const { state, recipe, objective } = run;
  const rows = store.rowsWith("evalLoss");
  const evaluates = recipe?.data.eval !== undefined || recipe?.data.evalSplit !== undefined;
  if (rows.length === 0 && !(evaluates && isLive(state))) {
    return [...trainFigures(store, state), ...sizeFigures(store, state)];
  }
  const mark = keptMark(run);
  const kept =
    mark?.label === "kept" ? rows.find((row) => store.step[row] === mark.step) : undefined;
  const shown: Shown = { store, row: kept ?? rows.at(-1), isKept: kept !== undefined };
  return [
    ...lossFigures(shown, rows, isLive(state)),
    ...objectiveFigures(shown, objective.figures),
    ...sizeFigures(store, state),
  ];
}

/** The evaluation that the figures are of; no row: the first is still to come. */
interface Shown {
  store: MetricStore;
  row: number | undefined;
  isKept: boolean;
}

function isLive(state: RunState | undefined): boolean {
  return state?.status === "starting" || state?.status === "running";
}

function valueIn({ store, row }: Shown, column: string): number | undefined {
  const value = row === undefined ? NaN : store.value(column, row);
  return Number.isNaN(value) ? undefined : value;
}

function lossFigures(shown: Shown, rows: readonly number[], goesOn: boolean): Figure[] {
  const { store, row, isKept } = shown;
  const [first] = rows;
  const lossOf = (each: number) => store.value("evalLoss", each);
  const stepOf = (each: number) => `at step ${formatCount(store.step[each])}`;
  const loss = valueIn(shown, "evalLoss");
  const figures: Figure[] = [
    {
      label: "Eval loss",
      value: formatValue(loss),
      note: row === undefined ? "not yet" : `${stepOf(row)}${isKept ? ", kept" : ""}`,
    },
  ];
  if (row === undefined || first === undefined || loss === undefined || rows.length < 2) {
    if (!goesOn) return figures;
    return [...figures, waiting("Best eval loss"), waiting("Change")];
  }
  const last = rows.at(-1) ?? row;
  const best = rows.reduce((a, b) => (lossOf(b) < lossOf(a) ? b : a));
  const change = loss / lossOf(first) - 1;
  return [
    ...figures,
    isKept && last !== row
      ? { label: "Last eval loss", value: formatValue(lossOf(last)), note: stepOf(last) }
      : { label: "Best eval loss", value: formatValue(lossOf(best)), note: stepOf(best) },
    {
      label: "Change",
      value: formatChange(change),
      note: `from ${formatValue(lossOf(first))} ${stepOf(first)}`,
      ...(change < 0 ? { tone: "good" } : change > 0 ? { tone: "bad" } : {}),
    },
  ];
}

function waiting(label: string): Figure {
  return { label, value: UNKNOWN, note: "after two evaluations" };
}

/** The figures of the run's objective; one that its evaluations do not have is none. */
function objectiveFigures(shown: Shown, figures: readonly FigureFacts[]): Figure[] {
  return figures.flatMap(({ name, label, unit, note }) => {
    const value = valueIn(shown, name);
    if (value === undefined && shown.row !== undefined) return [];
    return [{ label, value: value === undefined ? UNKNOWN : WRITTEN[unit](value), note }];
  });
}

/** Digits as in the run's row and its message. */
const WRITTEN: Readonly<Record<FigureUnit, (value: number) => string>> = {
  share: (value) => `${(100 * value).toFixed(1)} %`,
  score: (value) => value.toFixed(3),
  number: formatValue,
  perplexity: (loss) => formatValue(Math.exp(loss)),
};

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
