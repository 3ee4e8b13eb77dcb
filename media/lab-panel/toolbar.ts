import { element, setHidden } from "../shared/dom.ts";
import type { LabContext } from "./lab-context.ts";
import type { Metric } from "./measures.ts";

interface ToolbarOptions {
  onMetric: (key: string) => void;
  onAxis: (axis: "x" | "y", id: string) => void;
}

interface Choice {
  value: string;
  label: string;
}

/** Which figure is drawn, and which data are the axes of the two-axis curve. */
export class Toolbar {
  readonly #metric = element("select", { id: "metric" });
  readonly #x = element("select", { id: "x-data" });
  readonly #y = element("select", { id: "y-data" });
  readonly #axes = element("div", { class: "field axes" }, [
    element("label", { for: "x-data" }, ["Across"]),
    this.#x,
    element("label", { for: "y-data" }, ["Up"]),
    this.#y,
  ]);
  readonly root = element("div", { class: "toolbar", role: "toolbar", "aria-label": "Charts" }, [
    element("div", { class: "field" }, [
      element("label", { for: "metric" }, ["Figure"]),
      this.#metric,
    ]),
    this.#axes,
  ]);

  constructor({ onMetric, onAxis }: ToolbarOptions) {
    this.#metric.addEventListener("change", () => onMetric(this.#metric.value));
    this.#x.addEventListener("change", () => onAxis("x", this.#x.value));
    this.#y.addEventListener("change", () => onAxis("y", this.#y.value));
  }

  show({ axes, measures, metric }: LabContext, metrics: readonly Metric[]): void {
    fill(
      this.#metric,
      metrics.map(({ key, label }) => ({ value: key, label })),
      metric.key,
    );
    setHidden(this.#axes, axes === undefined);
    if (axes === undefined) return;
    const choices = measures.map(({ id, label }) => ({ value: id, label }));
    fill(this.#x, choices, axes.x.id);
    fill(this.#y, choices, axes.y.id);
  }
}

/** Options are made anew only when they differ: an open list must not close while points arrive. */
function fill(select: HTMLSelectElement, choices: readonly Choice[], value: string): void {
  const key = JSON.stringify(choices);
  if (select.dataset["choices"] !== key) {
    select.dataset["choices"] = key;
    select.replaceChildren(
      ...choices.map((choice) => element("option", { value: choice.value }, [choice.label])),
    );
  }
  if (select.value !== value) select.value = value;
}
