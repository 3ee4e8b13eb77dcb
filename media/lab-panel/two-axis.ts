/** In-distribution against shifted, one point per alpha (WiSE-FT's figure 1). */
import { element, setHidden, setText } from "../shared/dom.ts";
import { alphaTitle, type LabContext } from "./lab-context.ts";
import { formatFigure, formatTick, valueAt } from "./measures.ts";
import { placeLabels } from "./label-places.ts";
import { CHARACTER_PX, Plot, rangeOf, type Scales } from "./plot.ts";
import { svg } from "./svg.ts";

interface Placed {
  alpha: number;
  x: number;
  y: number;
}

const RADIUS = 5;
/** Whose label may be left out. */
const LEAST_RANK = 3;

export class TwoAxisView {
  readonly #hint = element("span", { class: "readout" });
  readonly #missing = element("p", { class: "empty small" }, [
    "Name an in-distribution test and a shifted test to see one against the other.",
  ]);
  readonly #plot = new Plot(() => this.#draw());
  readonly root = element("section", { class: "chart", "aria-label": "Two-axis curve" }, [
    element("header", {}, [element("h2", {}, ["In-distribution against shifted"]), this.#hint]),
    this.#plot.host,
    this.#missing,
  ]);
  #context: LabContext | undefined;
  #dots = new Map<number, { dot: SVGElement; placed: Placed; at: { x: number; y: number } }>();

  show(context: LabContext): void {
    this.#context = context;
    this.#draw();
  }

  hover(alpha: number | undefined): void {
    for (const [each, { dot }] of this.#dots) dot.classList.toggle("hovered", each === alpha);
    const found = alpha === undefined ? undefined : this.#dots.get(alpha);
    if (found === undefined || this.#context?.axes === undefined) return this.#plot.hideTooltip();
    const { metric, axes } = this.#context;
    const { placed, at } = found;
    this.#plot.showTooltip(
      [
        alphaTitle(placed.alpha, this.#context),
        `${axes.x.label}: ${formatFigure(placed.x, metric)}`,
        `${axes.y.label}: ${formatFigure(placed.y, metric)}`,
      ],
      at,
    );
  }

  #draw(): void {
    const context = this.#context;
    if (context === undefined) return;
    const { axes, metric, points } = context;
    setHidden(this.#plot.host, axes === undefined);
    setHidden(this.#missing, axes !== undefined);
    setText(this.#hint, axes === undefined ? "" : better(metric.isLessBetter));
    if (axes === undefined) return;
    const placed = points.flatMap((point): Placed[] => {
      const [x, y] = [valueAt(point, axes.x, metric.key), valueAt(point, axes.y, metric.key)];
      return x === undefined || y === undefined ? [] : [{ alpha: point.alpha, x, y }];
    });
    const format = (value: number): string => formatTick(value, metric);
    const scales = this.#plot.begin(
      {
        x: rangeOf(placed.map(({ x }) => x)),
        y: rangeOf(placed.map(({ y }) => y)),
        xLabel: `${metric.label}, ${axes.x.label}`,
        yLabel: `${metric.label}, ${axes.y.label}`,
        formatX: format,
        formatY: format,
      },
      `${metric.label} on ${axes.y.label} against ${axes.x.label}, ${placed.length} alphas`,
    );
    this.#drawPoints(placed, scales, context);
  }

  #drawPoints(placed: readonly Placed[], scales: Scales, context: LabContext): void {
    const { layer, toX, toY } = scales;
    const path = placed.map(({ x, y }) => `${toX(x)},${toY(y)}`).join(" ");
    layer.append(svg("polyline", { class: "path", points: path }));
    this.#dots = new Map();
    const ordered = byImportance(placed, context);
    for (const each of ordered) {
      const at = { x: toX(each.x), y: toY(each.y) };
      const dot = dotOf(each.alpha, context);
      dot.setAttribute("transform", `translate(${at.x} ${at.y})`);
      dot.addEventListener("pointerenter", () => context.onHover(each.alpha));
      dot.addEventListener("pointerleave", () => context.onHover(undefined));
      dot.addEventListener("click", () => context.onSelect(each.alpha));
      this.#dots.set(each.alpha, { dot, placed: each, at });
    }
    // Behind the others come those of least importance: what is drawn last is on top.
    for (const { dot } of [...this.#dots.values()].toReversed()) layer.append(dot);
    for (const label of this.#labels(ordered, placed, { scales, context })) layer.append(label);
  }

  /** Names of the points where there is room for them; the tooltip has the others. */
  #labels(
    ordered: readonly Placed[],
    placed: readonly Placed[],
    { scales, context }: { scales: Scales; context: LabContext },
  ): SVGElement[] {
    const toPixels = ({ x, y }: Placed) => ({ x: scales.toX(x), y: scales.toY(y) });
    const texts = ordered.map(({ alpha }) => labelOf(alpha, context));
    const labels = ordered.map((each, index) => ({
      at: toPixels(each),
      width: (texts[index]?.length ?? 0) * CHARACTER_PX,
      isNeeded: rankOf(each, context) < LEAST_RANK,
    }));
    const boxes = placeLabels(labels, placed.map(toPixels), scales.area);
    return boxes.flatMap((box, index) => {
      if (box === undefined) return [];
      const isStrong = ordered[index]?.alpha === context.recommended;
      const place = { x: (box.left + box.right) / 2, y: box.bottom - 2, "text-anchor": "middle" };
      const kind = isStrong ? "point-label strong" : "point-label";
      return [svg("text", { class: kind, ...place }, [texts[index] ?? ""])];
    });
  }
}

function better(isLessBetter: boolean): string {
  return isLessBetter ? "better: left and down" : "better: right and up";
}

/** Recommended, ends, selected, the others in order: who comes first gets a label. */
function byImportance(placed: readonly Placed[], context: LabContext): Placed[] {
  return placed.toSorted((a, b) => rankOf(a, context) - rankOf(b, context) || a.alpha - b.alpha);
}

function rankOf({ alpha }: Placed, { recommended, selected }: LabContext): number {
  if (alpha === recommended) return 0;
  if (alpha === 0 || alpha === 1) return 1;
  return alpha === selected ? 2 : LEAST_RANK;
}

function labelOf(alpha: number, { recommended }: LabContext): string {
  const name = alpha === 0 ? "base" : alpha === 1 ? "fine-tune" : `α ${alpha}`;
  return alpha === recommended ? `${name} ★` : name;
}

function dotOf(alpha: number, { recommended, selected }: LabContext): SVGGElement {
  const isEnd = alpha === 0 || alpha === 1;
  const mark = isEnd
    ? svg("rect", { x: -RADIUS, y: -RADIUS, width: 2 * RADIUS, height: 2 * RADIUS })
    : svg("circle", { r: RADIUS });
  const kinds = [
    "dot",
    ...(isEnd ? ["end"] : []),
    ...(alpha === recommended ? ["recommended"] : []),
    ...(alpha === selected ? ["selected"] : []),
  ];
  const around = alpha === selected ? [svg("circle", { class: "ring", r: RADIUS + 5 })] : [];
  // A finger or a shaky hand needs more than the mark itself.
  const target = svg("circle", { class: "target", r: RADIUS + 7 });
  return svg("g", { class: kinds.join(" ") }, [target, ...around, mark]);
}
