/** A frame with two axes, drawn as SVG to the width of its host, and a tooltip over it. */
import { element, setHidden } from "../shared/dom.ts";
import type { Box } from "./label-places.ts";
import { linearTicks } from "../shared/ticks.ts";
import { svg } from "./svg.ts";
import { extentOf } from "../shared/extent.ts";

export interface Range {
  min: number;
  max: number;
}

export interface Frame {
  x: Range;
  y: Range;
  xLabel: string;
  yLabel: string;
  formatX: (value: number) => string;
  formatY: (value: number) => string;
}

export interface Scales {
  /** Where points, lines and labels go, in this order from back to front. */
  layer: SVGGElement;
  toX: (value: number) => number;
  toY: (value: number) => number;
  /** What lies between the axes, in pixels. */
  area: Box;
}

const HEIGHT = 300;
const MARGIN = { top: 14, right: 18, bottom: 44, left: 64 };
const TICK_DISTANCE_PX = { x: 64, y: 44 };
const MIN_WIDTH = 220;
/** The share of the range that stays free on each side. */
const PADDING = 0.08;

export class Plot {
  readonly host = element("div", { class: "svg-plot" });
  readonly #tooltip = element("div", { class: "tooltip", role: "status" });
  readonly #draw: (plot: Plot) => void;
  #picture: SVGSVGElement | undefined;

  /** @param draw called when the width has changed */
  constructor(draw: (plot: Plot) => void) {
    this.#draw = draw;
    setHidden(this.#tooltip, true);
    this.host.append(this.#tooltip);
    let known = 0;
    new ResizeObserver(() => {
      const { clientWidth } = this.host;
      if (clientWidth === known) return;
      known = clientWidth;
      this.#draw(this);
    }).observe(this.host);
  }

  /** Starts the picture anew. */
  begin(frame: Frame, label: string): Scales {
    const width = Math.max(this.host.clientWidth, MIN_WIDTH);
    const inner = {
      width: width - MARGIN.left - MARGIN.right,
      height: HEIGHT - MARGIN.top - MARGIN.bottom,
    };
    const toX = (value: number): number =>
      MARGIN.left + ((value - frame.x.min) / (frame.x.max - frame.x.min)) * inner.width;
    const toY = (value: number): number =>
      MARGIN.top + (1 - (value - frame.y.min) / (frame.y.max - frame.y.min)) * inner.height;
    const picture = svg("svg", {
      width,
      height: HEIGHT,
      viewBox: `0 0 ${width} ${HEIGHT}`,
      role: "img",
      "aria-label": label,
    });
    for (const part of axes(frame, { toX, toY, inner })) picture.append(part);
    const layer = svg("g");
    picture.append(layer);
    this.#picture?.remove();
    this.#picture = picture;
    this.host.prepend(picture);
    const { left, top } = MARGIN;
    const area = { left, top: 0, right: width, bottom: top + inner.height };
    return { layer, toX, toY, area };
  }

  /** Beside the place, on the side that has room. */
  showTooltip(lines: readonly string[], at: { x: number; y: number }): void {
    const [title = "", ...rest] = lines;
    this.#tooltip.replaceChildren(
      element("strong", {}, [title]),
      ...rest.map((line) => element("div", {}, [line])),
    );
    setHidden(this.#tooltip, false);
    const isRight = at.x > this.host.clientWidth / 2;
    this.#tooltip.style.left = isRight ? "" : `${at.x + 14}px`;
    this.#tooltip.style.right = isRight ? `${this.host.clientWidth - at.x + 14}px` : "";
    this.#tooltip.style.top = `${Math.max(0, at.y - 20)}px`;
  }

  hideTooltip(): void {
    setHidden(this.#tooltip, true);
  }
}

function axes(
  frame: Frame,
  {
    toX,
    toY,
    inner,
  }: {
    toX: (value: number) => number;
    toY: (value: number) => number;
    inner: { width: number; height: number };
  },
): SVGElement[] {
  const [left, right] = [MARGIN.left, MARGIN.left + inner.width];
  const [top, bottom] = [MARGIN.top, MARGIN.top + inner.height];
  const nodes: SVGElement[] = [];
  const count = (size: number, distance: number) => Math.max(2, Math.floor(size / distance));
  for (const tick of linearTicks(
    frame.x.min,
    frame.x.max,
    count(inner.width, TICK_DISTANCE_PX.x),
  )) {
    const x = toX(tick);
    nodes.push(
      svg("line", { class: "grid", x1: x, x2: x, y1: top, y2: bottom }),
      svg("text", { class: "tick", x, y: bottom + 16, "text-anchor": "middle" }, [
        frame.formatX(tick),
      ]),
    );
  }
  for (const tick of linearTicks(
    frame.y.min,
    frame.y.max,
    count(inner.height, TICK_DISTANCE_PX.y),
  )) {
    const y = toY(tick);
    nodes.push(
      svg("line", { class: "grid", x1: left, x2: right, y1: y, y2: y }),
      svg("text", { class: "tick", x: left - 8, y: y + 4, "text-anchor": "end" }, [
        frame.formatY(tick),
      ]),
    );
  }
  const middle = top + inner.height / 2;
  nodes.push(
    fitted(frame.xLabel, inner.width, {
      x: left + inner.width / 2,
      y: HEIGHT - 8,
      "text-anchor": "middle",
    }),
    fitted(frame.yLabel, inner.height, {
      x: 0,
      y: 0,
      "text-anchor": "middle",
      transform: `translate(13 ${middle}) rotate(-90)`,
    }),
  );
  return nodes;
}

/** About as wide as a character of the axes' font. */
export const CHARACTER_PX = 6.4;

/** An axis's name, cut to its room; whole in its title. */
function fitted(
  text: string,
  room: number,
  attributes: Readonly<Record<string, string | number>>,
): SVGElement {
  const most = Math.max(4, Math.floor(room / CHARACTER_PX));
  const shown = text.length <= most ? text : `${text.slice(0, most - 1)}…`;
  return svg("text", { class: "axis-name", ...attributes }, [svg("title", {}, [text]), shown]);
}

/** From least to most with room around; a lone value gets room too. */
export function rangeOf(values: readonly number[]): Range {
  if (values.length === 0) return { min: 0, max: 1 };
  const { min, max } = extentOf(values);
  const pad = max > min ? (max - min) * PADDING : Math.abs(max) * 0.05 || 0.05;
  return { min: min - pad, max: max + pad };
}
