/** How a classifier labelled the evaluation rows: its figures, the confusion matrix, and each label's scores. */
import type { ClassifierEvaluation } from "../../src/protocol/evaluation.ts";
import { element, setHidden } from "../shared/dom.ts";
import { formatCount, formatShare, formatValue } from "../shared/format.ts";

type Labelled = Exclude<ClassifierEvaluation, { problem: "regression" }>;

/** Shades of a cell, by its share of the row; style.css has a class for each. */
const SHADES = 8;
const DISTORTION =
  "How far the features that the head reads have moved from the base model's, on average (arXiv 2202.10054): the less, the better a tuned model keeps what it knew.";

export class EvaluationView {
  private readonly body = element("div", { class: "evaluation-body" });
  private readonly section = element(
    "section",
    { class: "evaluation", "aria-label": "Evaluation" },
    [element("h2", {}, ["Evaluation rows"]), this.body],
  );
  private shown = "";

  constructor(root: HTMLElement) {
    setHidden(this.section, true);
    root.append(this.section);
  }

  show(evaluation: ClassifierEvaluation | undefined): void {
    const key = JSON.stringify(evaluation);
    if (key === this.shown) return;
    this.shown = key;
    setHidden(this.section, evaluation === undefined);
    if (evaluation === undefined) return;
    this.body.replaceChildren(
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
  const scores = scrolled("Scores of each label", scoreTable(evaluation));
  const { confusion } = evaluation;
  return confusion
    ? [scrolled("Confusion matrix", confusionTable(evaluation, confusion)), scores]
    : [scores];
}

/** Wide tables move inside their own frame, with the keyboard too. */
function scrolled(label: string, table: HTMLElement): HTMLElement {
  return element(
    "div",
    { class: "table-frame", tabindex: "0", role: "region", "aria-label": label },
    [table],
  );
}

function confusionTable(
  { scores }: Labelled,
  confusion: readonly (readonly number[])[],
): HTMLElement {
  const labels = scores.map(({ label }) => label);
  const head = element("tr", {}, [
    element("th", { scope: "col", class: "corner" }, ["label ╲ given"]),
    ...labels.map((label) => element("th", { scope: "col", title: label }, [label])),
  ]);
  const body = confusion.map((counts, row) => {
    const label = labels[row] ?? "";
    const total = counts.reduce((sum, count) => sum + count, 0);
    return element("tr", {}, [
      element("th", { scope: "row", title: label }, [label]),
      ...counts.map((count, column) => {
        const share = total === 0 ? 0 : count / total;
        const kind = column === row ? "right" : "wrong";
        const title = `${formatCount(count)} of ${formatCount(total)} rows of ${label} labelled ${labels[column] ?? ""} (${formatShare(share)})`;
        const shade = count === 0 ? 0 : Math.max(1, Math.round(share * SHADES));
        return element("td", { class: `${kind} shade-${shade}`, title }, [formatCount(count)]);
      }),
    ]);
  });
  return element("table", { class: "confusion" }, [
    element("caption", {}, [
      "Confusion matrix: rows by their label (down) and the one given (across)",
    ]),
    element("thead", {}, [head]),
    element("tbody", {}, body),
  ]);
}

function scoreTable({ scores }: Labelled): HTMLElement {
  const columns = ["Label", "Precision", "Recall", "F1", "Rows"];
  return element("table", { class: "scores" }, [
    element("caption", {}, ["Scores of each label"]),
    element("thead", {}, [
      element(
        "tr",
        {},
        columns.map((name) => element("th", { scope: "col" }, [name])),
      ),
    ]),
    element(
      "tbody",
      {},
      scores.map(({ label, precision, recall, f1, support }) =>
        element("tr", {}, [
          element("th", { scope: "row", title: label }, [label]),
          ...[precision, recall, f1].map((value) => element("td", {}, [value.toFixed(3)])),
          element("td", {}, [formatCount(support)]),
        ]),
      ),
    ),
  ]);
}
