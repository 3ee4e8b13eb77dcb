/** What the points say in words, and the alpha that would be saved. */
import type { SummaryView } from "../../src/protocol/lab-messages.ts";
import { element, setHidden, setText } from "../shared/dom.ts";
import { alphaTitle, type LabContext } from "./lab-context.ts";
import { formatFigure, valueAt } from "./measures.ts";

interface VerdictOptions {
  onSelect: (alpha: number) => void;
  onSave: (alpha: number) => void;
}

export class Verdict {
  readonly #advice = element("p", { class: "advice" });
  readonly #warnings = element("ul", { class: "warnings" });
  readonly #slider = element("input", {
    id: "alpha",
    type: "range",
    min: "0",
    step: "1",
    title: "The measured alphas, from base to fine-tune",
  });
  readonly #chosen = element("output", { for: "alpha", class: "chosen" });
  readonly #figures = element("p", { class: "chosen-figures" });
  readonly #save = element("button", { class: "primary" }, ["Save This Model…"]);
  readonly root = element("section", { class: "verdict", "aria-label": "Choice of alpha" }, [
    element("div", { class: "words" }, [this.#advice, this.#warnings]),
    element("div", { class: "choice" }, [
      element("div", { class: "field" }, [
        element("label", { for: "alpha" }, ["Alpha"]),
        this.#slider,
        this.#chosen,
        this.#save,
      ]),
      this.#figures,
    ]),
  ]);
  #alphas: readonly number[] = [];

  constructor({ onSelect, onSave }: VerdictOptions) {
    this.#slider.addEventListener("input", () => {
      const alpha = this.#alphas[this.#slider.valueAsNumber];
      if (alpha !== undefined) onSelect(alpha);
    });
    this.#save.addEventListener("click", () => {
      const alpha = this.#alphas[this.#slider.valueAsNumber];
      if (alpha !== undefined) onSave(alpha);
    });
  }

  show(context: LabContext, summary: SummaryView | undefined): void {
    const { points, selected, metric, measures } = context;
    setText(this.#advice, summary?.advice ?? "");
    const warnings = summary?.warnings ?? [];
    setHidden(this.#warnings, warnings.length === 0);
    this.#warnings.replaceChildren();
    for (const text of warnings) this.#warnings.append(element("li", {}, [text]));
    this.#alphas = points.map(({ alpha }) => alpha);
    this.#slider.max = String(Math.max(0, points.length - 1));
    this.#slider.disabled = points.length < 2;
    const index = this.#alphas.indexOf(selected ?? NaN);
    this.#save.disabled = index < 0;
    if (index < 0 || selected === undefined) return;
    this.#slider.value = String(index);
    this.#slider.setAttribute("aria-valuetext", alphaTitle(selected, context));
    setText(this.#chosen, alphaTitle(selected, context).replace("alpha ", ""));
    const point = points[index];
    const parts = measures.flatMap((measure) => {
      const value = point && valueAt(point, measure, metric.key);
      return value === undefined || !measure.id.startsWith("data:")
        ? []
        : [`${measure.label} ${formatFigure(value, metric)}`];
    });
    setText(this.#figures, `${metric.label}: ${parts.join(" · ")}`);
  }
}
