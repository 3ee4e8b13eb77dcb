import { element } from "../shared/dom.ts";
import { MAX_SMOOTHING, type PanelView } from "./view-state.ts";

interface ToolbarOptions {
  root: HTMLElement;
  view: PanelView;
  /** Smoothing or scale changed in `view`. */
  onChange: () => void;
  onSwitchAxis: () => void;
  onResetZoom: () => void;
}

/** Smoothing, scale, axis and zoom of the charts below. */
export class Toolbar {
  readonly #options: ToolbarOptions;
  readonly #reset = element("button", { class: "secondary" }, ["Reset Zoom"]);

  constructor(options: ToolbarOptions) {
    this.#options = options;
    this.#reset.title = "Show the whole run (double-click a chart, or Escape in it)";
    this.#reset.addEventListener("click", () => options.onResetZoom());
    options.root.append(
      element("div", { class: "toolbar", role: "toolbar", "aria-label": "Charts" }, [
        this.#smoothing(),
        this.#logScale(),
        this.#axis(),
        this.#reset,
      ]),
    );
    this.update();
  }

  /** After the zoom changed elsewhere. */
  update(): void {
    this.#reset.disabled = this.#options.view.zoom === null;
  }

  #smoothing(): HTMLElement {
    const { view, onChange } = this.#options;
    const output = element("output", { for: "smoothing" }, [view.smoothing.toFixed(2)]);
    const slider = element("input", {
      id: "smoothing",
      type: "range",
      min: "0",
      max: String(MAX_SMOOTHING),
      step: "0.01",
      value: String(view.smoothing),
      title: "Weight of the moving average; the faint line is the raw value",
    });
    slider.addEventListener("input", () => {
      view.smoothing = slider.valueAsNumber;
      output.textContent = view.smoothing.toFixed(2);
      onChange();
    });
    const label = element("label", { for: "smoothing" }, ["Smoothing"]);
    return element("div", { class: "field" }, [label, slider, output]);
  }

  #logScale(): HTMLElement {
    const { view, onChange } = this.#options;
    const box = element("input", { type: "checkbox" });
    box.checked = view.logScale;
    box.addEventListener("change", () => {
      view.logScale = box.checked;
      onChange();
    });
    const title = "Logarithmic axis for the loss and the gradient norm";
    return element("label", { class: "field", title }, [box, "Log scale"]);
  }

  #axis(): HTMLElement {
    const { view, onSwitchAxis } = this.#options;
    const choices = (["step", "time"] as const).map((value) => {
      const radio = element("input", { type: "radio", name: "x-axis", value });
      radio.checked = view.xAxis === value;
      radio.addEventListener("change", () => {
        if (radio.checked && view.xAxis !== value) onSwitchAxis();
      });
      return element("label", {}, [radio, value === "step" ? "Step" : "Time"]);
    });
    return element(
      "div",
      { class: "field segmented", role: "radiogroup", "aria-label": "Axis" },
      choices,
    );
  }
}
