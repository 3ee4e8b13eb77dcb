/** How a classifier labelled the evaluation rows: its figures, the confusion matrix, and each label's scores. */
import type { ClassifierEvaluation } from "../../src/protocol/evaluation.ts";
import { element, setHidden, table } from "../shared/dom.ts";
import { formatCount, formatShare, formatValue } from "../shared/format.ts";
import { type Confused, mostConfused } from "./confused.ts";

type Labelled = Exclude<ClassifierEvaluation, { problem: "regression" }>;

/** A matrix of more is no picture any more, and its cells would be tens of thousands. */
const MAX_MATRIX_LABELS = 100;
/** Beyond these, what is confused with what is said in a list, too. */
const GLANCE_LABELS = 12;
/** Longer names keep both ends: what tells them apart may be at either. */
const LONG_LABEL_CHARS = 24;
const LABEL_END_CHARS = 8;
/** Shades of a cell, by its share of the row; style.css has a class for each. */
const SHADES = 8;
const DISTORTION =
  "How far the features that the head reads have moved from the base model's, on average (arXiv 2202.10054): the less, the better a tuned model keeps what it knew.";

export class EvaluationView {
  readonly #body = element("div", { class: "evaluation-body" });
  readonly #section = element("section", { class: "evaluation", "aria-label": "Evaluation" }, [
    element("h2", {}, ["Evaluation rows"]),
    this.#body,
  ]);
  #shown = "";

  constructor(root: HTMLElement) {
    setHidden(this.#section, true);
    root.append(this.#section);
  }

  show(evaluation: ClassifierEvaluation | undefined): void {
    const key = JSON.stringify(evaluation);
    if (key === this.#shown) return;
    this.#shown = key;
    setHidden(this.#section, evaluation === undefined);
    if (evaluation === undefined) return;
    this.#body.replaceChildren(
      element("p", { class: "evaluation-figures" }, figureNodes(evaluation)),
      ...(evaluation.problem === "regression" ? [] : tables(evaluation)),
    );
  }
}

function figureNodes(evaluation: ClassifierEvaluation): Node[] {
  const { rows, step, featureDistortion: moved } = evaluation;
  const figures: [label: string, value: string, title?: string][] = [
    ["rows", formatCount(rows)],
    ...(step === undefined ? [] : [["step", formatCount(step)] satisfies [string, string]]),
  ];
  if (evaluation.problem === "regression") {
    const { meanSquaredError, meanAbsoluteError, r2 } = evaluation;
    figures.push(["mean squared error", formatValue(meanSquaredError)]);
    figures.push(["mean absolute error", formatValue(meanAbsoluteError)]);
    if (r2 !== undefined) figures.push(["R²", r2.toFixed(3)]);
  } else {
    figures.push(["accuracy", formatShare(evaluation.accuracy)]);
    figures.push(["macro-F1", evaluation.macroF1.toFixed(3)]);
  }
  if (moved) {
    const value = `${formatValue(moved.mean)} (${formatShare(moved.relative)})`;
    figures.push(["feature distortion", value, DISTORTION]);
  }
  return figures.map(([label, value, title]) =>
    element("span", title === undefined ? {} : { title }, [
      `${label} `,
      element("strong", {}, [value]),
    ]),
  );
}

function tables(evaluation: Labelled): Node[] {
  const { confusion = [], scores } = evaluation;
  const labels = scores.map(({ label }) => label);
  const shown: HTMLElement[] = [];
  if (confusion.length > 0 && confusion.length <= MAX_MATRIX_LABELS) {
    shown.push(scrolled("Confusion matrix", confusionTable(labels, confusion)));
  }
  const confused = confusion.length > GLANCE_LABELS ? mostConfused(confusion) : [];
  if (confused.length > 0) {
    shown.push(scrolled("Most often confused", confusedTable(labels, confused)));
  }
  return [...shown, scrolled("Scores of each label", scoreTable(evaluation))];
}

/** Wide tables move inside their own frame, with the keyboard too. */
function scrolled(label: string, content: HTMLElement): HTMLElement {
  return element(
    "div",
    { class: "table-frame", tabindex: "0", role: "region", "aria-label": label },
    [content],
  );
}

/** A label's name, cut in its middle where there is no room for it. */
function labelNodes(label: string): Node[] {
  if (label.length <= LONG_LABEL_CHARS) return [document.createTextNode(label)];
  const end = label.length - LABEL_END_CHARS;
  return [
    element("span", { class: "long-label" }, [
      element("span", { class: "start" }, [label.slice(0, end)]),
      element("span", {}, [label.slice(end)]),
    ]),
  ];
}

function confusionTable(
  labels: readonly string[],
  confusion: readonly (readonly number[])[],
): HTMLElement {
  const head = element("tr", {}, [
    element("th", { scope: "col", class: "corner" }, ["label ╲ given"]),
    ...labels.map((label) => element("th", { scope: "col", title: label }, labelNodes(label))),
  ]);
  const body = confusion.map((counts, row) => {
    const label = labels[row] ?? "";
    const total = counts.reduce((sum, count) => sum + count, 0);
    return element("tr", {}, [
      element("th", { scope: "row", title: label }, labelNodes(label)),
      ...counts.map((count, column) => {
        const share = total === 0 ? 0 : count / total;
        const kind = column === row ? "right" : "wrong";
        const title = `${formatCount(count)} of ${formatCount(total)} rows of ${label} labelled ${labels[column] ?? ""} (${formatShare(share)})`;
        const shade = count === 0 ? 0 : Math.max(1, Math.round(share * SHADES));
        return element("td", { class: `${kind} shade-${shade}`, title }, [formatCount(count)]);
      }),
    ]);
  });
  return table(labels.length + 1, { class: "confusion" }, [
    element("caption", {}, [
      "Confusion matrix: rows by their label (down) and the one given (across)",
    ]),
    element("thead", {}, [head]),
    element("tbody", {}, body),
  ]);
}

function confusedTable(labels: readonly string[], confused: readonly Confused[]): HTMLElement {
  const columns = ["Label", "Given", "Rows", "Share"];
  return table(columns.length, { class: "scores confused" }, [
    element("caption", {}, ["Most often confused"]),
    element("thead", {}, [headRow(columns)]),
    element(
      "tbody",
      {},
      confused.map(({ label, given, count, share }) =>
        element("tr", {}, [
          element(
            "th",
            { scope: "row", title: labels[label] ?? "" },
            labelNodes(labels[label] ?? ""),
          ),
          element("th", { title: labels[given] ?? "" }, labelNodes(labels[given] ?? "")),
          element("td", {}, [formatCount(count)]),
          element("td", {}, [formatShare(share)]),
        ]),
      ),
    ),
  ]);
}

function headRow(columns: readonly string[]): HTMLElement {
  return element(
    "tr",
    {},
    columns.map((name) => element("th", { scope: "col" }, [name])),
  );
}

function scoreTable({ scores }: Labelled): HTMLElement {
  const columns = ["Label", "Precision", "Recall", "F1", "Rows"];
  return table(columns.length, { class: "scores" }, [
    element("caption", {}, ["Scores of each label"]),
    element("thead", {}, [headRow(columns)]),
    element(
      "tbody",
      {},
      scores.map(({ label, precision, recall, f1, support }) =>
        element("tr", {}, [
          element("th", { scope: "row", title: label }, labelNodes(label)),
          ...[precision, recall, f1].map((value) => element("td", {}, [value.toFixed(3)])),
          element("td", {}, [formatCount(support)]),
        ]),
      ),
    ),
  ]);
}
