/** Alpha × data set, in the chosen figure; a row is selected by a click or the keyboard. */
import { element, table } from "../shared/dom.ts";
import { alphaTitle, type LabContext } from "./lab-context.ts";
import { formatFigure, valueAt } from "./measures.ts";
import { extentOf } from "../shared/extent.ts";

export class PointTable {
  readonly #frame = element("div", {
    class: "table-frame points",
    tabindex: "0",
    role: "region",
    "aria-label": "Figures by alpha and data",
  });
  readonly root = element("section", { class: "points-section" }, [
    element("h2", {}, ["All points"]),
    this.#frame,
  ]);
  #rows = new Map<number, HTMLElement>();

  show(context: LabContext): void {
    const { metric, points, measures, selected } = context;
    const columns = measures.filter(({ id }) => id.startsWith("data:"));
    const best = columns.map((measure) => {
      const values = points.flatMap((point) => valueAt(point, measure, metric.key) ?? []);
      const { min, max } = extentOf(values);
      return metric.isLessBetter ? min : max;
    });
    this.#rows = new Map();
    const body = points.map((point) => {
      const { alpha } = point;
      const button = element("button", { class: "link", title: "Choose this alpha" }, [
        alphaTitle(alpha, context).replace("alpha ", ""),
      ]);
      button.addEventListener("click", () => context.onSelect(alpha));
      const row = element("tr", { class: alpha === selected ? "selected" : "" }, [
        element("th", { scope: "row" }, [button]),
        ...columns.map((measure, index) => {
          const value = valueAt(point, measure, metric.key);
          const isBest = value !== undefined && value === best[index];
          return element("td", isBest ? { class: "best", title: "best of this data" } : {}, [
            formatFigure(value, metric),
          ]);
        }),
      ]);
      row.addEventListener("pointerenter", () => context.onHover(alpha));
      row.addEventListener("pointerleave", () => context.onHover(undefined));
      this.#rows.set(alpha, row);
      return row;
    });
    const head = ["Alpha", ...columns.map(({ label }) => label)].map((name) =>
      element("th", { scope: "col", title: name }, [name]),
    );
    const focused = this.#frame.contains(document.activeElement);
    const { scrollTop, scrollLeft } = this.#frame;
    this.#frame.replaceChildren(
      table(columns.length + 1, {}, [
        element("caption", {}, [`${metric.label} by alpha and data`]),
        element("thead", {}, [element("tr", {}, head)]),
        element("tbody", {}, body),
      ]),
    );
    this.#frame.scrollTo(scrollLeft, scrollTop);
    if (focused) this.#frame.querySelector<HTMLElement>("tr.selected button")?.focus();
  }

  hover(alpha: number | undefined): void {
    for (const [each, row] of this.#rows) row.classList.toggle("hovered", each === alpha);
  }
}
