/** The figure of each data set over alpha. */
import { element } from "../shared/dom.ts";
import { formatNumber } from "../shared/format.ts";
import { alphaTitle, type LabContext } from "./lab-context.ts";
import { formatFigure, formatTick, type Measure, nearestAlpha, valueAt } from "./measures.ts";
import { Plot, rangeOf, type Scales } from "./plot.ts";
import { svg } from "./svg.ts";

interface Curve {
  measure: Measure;
  color: string;
  dots: { alpha: number; value: number }[];
}

const COLORS = 6;
/** A barrier is read against the straight line between the ends. */
const STRAIGHT_METRIC = "loss";

export class AlphaCurvesView {
  readonly #legend = element("div", { class: "legend" });
  readonly #plot = new Plot(() => this.#draw());
  readonly root = element("section", { class: "chart", "aria-label": "Curves over alpha" }, [
    element("header", {}, [element("h2", {}, ["Over alpha"]), this.#legend]),
    this.#plot.host,
  ]);
  #context: LabContext | undefined;
  #curves: Curve[] = [];
  #scales: Scales | undefined;
  #cursor: SVGElement | undefined;

  constructor() {
    this.#plot.host.addEventListener("pointermove", (event) => this.#pointed(event));
    this.#plot.host.addEventListener("pointerleave", () => this.#context?.onHover(undefined));
    this.#plot.host.addEventListener("click", (event) => {
      const alpha = this.#alphaAt(event);
      if (alpha !== undefined) this.#context?.onSelect(alpha);
    });
  }

  show(context: LabContext): void {
    this.#context = context;
    this.#draw();
  }

  hover(alpha: number | undefined): void {
    this.#cursor?.remove();
    const context = this.#context;
    const scales = this.#scales;
    if (alpha === undefined || context === undefined || scales === undefined) {
      return this.#plot.hideTooltip();
    }
    const x = scales.toX(alpha);
    this.#cursor = svg("line", { class: "cursor", x1: x, x2: x, y1: 14, y2: 256 });
    scales.layer.prepend(this.#cursor);
    const lines = this.#curves.flatMap(({ measure, dots }) => {
      const dot = dots.find((each) => each.alpha === alpha);
      return dot ? [`${measure.label}: ${formatFigure(dot.value, context.metric)}`] : [];
    });
    this.#plot.showTooltip([alphaTitle(alpha, context), ...lines], { x, y: 40 });
  }

  #pointed(event: PointerEvent): void {
    this.#context?.onHover(this.#alphaAt(event));
  }

  #alphaAt(event: MouseEvent): number | undefined {
    const context = this.#context;
    const scales = this.#scales;
    if (context === undefined || scales === undefined) return undefined;
    const x = event.clientX - this.#plot.host.getBoundingClientRect().left;
    const [from, to] = [scales.toX(0), scales.toX(1)];
    return nearestAlpha(context.points, (x - from) / (to - from));
  }

  #draw(): void {
    const context = this.#context;
    if (context === undefined) return;
    const { metric, measures, points } = context;
    // A mean is one of the axes' choices; here each set speaks for itself.
    const single = measures.filter(({ id }) => id.startsWith("data:"));
    this.#curves = single.map((measure, index) => ({
      measure,
      color: `series-${index % COLORS}`,
      dots: points.flatMap((point) => {
        const value = valueAt(point, measure, metric.key);
        return value === undefined ? [] : [{ alpha: point.alpha, value }];
      }),
    }));
    this.#scales = this.#plot.begin(
      {
        x: { min: -0.02, max: 1.02 },
        y: rangeOf(this.#curves.flatMap(({ dots }) => dots.map(({ value }) => value))),
        xLabel: "Alpha: 0 is the base, 1 the fine-tune",
        yLabel: metric.label,
        formatX: (value) => formatNumber(value),
        formatY: (value) => formatTick(value, metric),
      },
      `${metric.label} over alpha, ${this.#curves.length} data sets`,
    );
    this.#drawMarks(this.#scales, context);
    for (const curve of this.#curves) this.#drawCurve(curve, this.#scales, context);
    this.#showLegend();
  }

  #drawMarks({ layer, toX }: Scales, { recommended, selected }: LabContext): void {
    const mark = (alpha: number | undefined, kind: string): void => {
      if (alpha === undefined) return;
      const x = toX(alpha);
      layer.append(svg("line", { class: kind, x1: x, x2: x, y1: 14, y2: 256 }));
    };
    mark(selected, "mark selected");
    mark(recommended, "mark recommended");
  }

  #drawCurve({ measure, color, dots }: Curve, scales: Scales, context: LabContext): void {
    const { layer, toX, toY } = scales;
    const [first, last] = [dots[0], dots.at(-1)];
    const isBent = measure.names.some((name) => context.barriers.has(name));
    if (isBent && context.metric.key === STRAIGHT_METRIC && first && last) {
      layer.append(
        svg("line", {
          class: `straight ${color}`,
          x1: toX(first.alpha),
          y1: toY(first.value),
          x2: toX(last.alpha),
          y2: toY(last.value),
        }),
      );
    }
    const path = dots.map(({ alpha, value }) => `${toX(alpha)},${toY(value)}`).join(" ");
    layer.append(svg("polyline", { class: `curve ${color}`, points: path }));
    for (const { alpha, value } of dots) {
      layer.append(svg("circle", { class: `spot ${color}`, cx: toX(alpha), cy: toY(value), r: 3 }));
    }
  }

  #showLegend(): void {
    this.#legend.replaceChildren(
      ...this.#curves.map(({ measure, color }) =>
        element("span", { class: "legend-item", title: measure.label }, [
          element("span", { class: `swatch ${color}`, "aria-hidden": "true" }),
          element("span", { class: "legend-name" }, [measure.label]),
        ]),
      ),
    );
  }
}
