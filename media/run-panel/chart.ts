import uPlot from "uplot";
import type { Window } from "./downsample.ts";
import { formatNumber, formatTickCount, formatTickDuration } from "../shared/format.ts";
import type { PaletteName, Theme } from "../shared/theme.ts";
import { CLOCK_STEPS, logTicks, STEP_STEPS } from "../shared/ticks.ts";
import type { XAxis } from "./view-state.ts";

export interface SeriesSpec {
  color: PaletteName;
  /** faint: the raw values behind a smoothed line. points: an evaluation now and then. */
  look: "line" | "faint" | "points";
}

interface ChartOptions {
  host: HTMLElement;
  theme: Theme;
  series: readonly SeriesSpec[];
  height: number;
  log: boolean;
  /** The y axis starts at 0 unless it is logarithmic. */
  fromZero: boolean;
  onHover: (x: number | null) => void;
  /** null: back to everything. */
  onZoom: (window: Window | null) => void;
}

export interface ChartData {
  xAxis: XAxis;
  window: Window;
  x: number[];
  /** One per series, null where a row has no value. */
  y: (number | null)[][];
  /** A place on the x axis with a name; null: none. */
  mark: { x: number; label: string } | null;
}

/** Evaluations closer than this are a line, not points. */
const MIN_POINT_DISTANCE_PX = 14;
const MIN_DRAG_PX = 4;
const Y_AXIS_PX = 56;
const X_AXIS_PX = 26;
const Y_PADDING = 0.06;
const FAINT_ALPHA = 0.3;
const FAINT_ALPHA_HIGH_CONTRAST = 0.5;

/** One uPlot chart. It draws what it is given: the window, the rows and the cursor are the group's. */
export class Chart {
  readonly #plot: uPlot;
  readonly #options: ChartOptions;
  #window: Window = { min: 0, max: 1 };
  #xAxis: XAxis = "step";
  #mark: ChartData["mark"] = null;
  #movedByGroup = false;

  constructor(options: ChartOptions) {
    this.#options = options;
    this.#plot = new uPlot(this.#plotOptions(), emptyData(options.series.length), options.host);
  }

  /** Width of the plotting area in CSS pixels. */
  get plotWidth(): number {
    return this.#plot.over.clientWidth;
  }

  setData(data: ChartData): void {
    this.#window = data.window;
    this.#xAxis = data.xAxis;
    this.#mark = data.mark;
    this.#plot.setData([data.x, ...data.y]);
  }

  /** Follows the width of its host; the height stays. */
  resize(): void {
    const width = this.#options.host.clientWidth;
    if (width > 0 && width !== this.#plot.width) {
      this.#plot.setSize({ width, height: this.#options.height });
    }
  }

  redraw(): void {
    this.#plot.redraw(false, true);
  }

  /** Shows the cursor at x, or hides it, without telling the group. */
  setCursor(x: number | null): void {
    this.#movedByGroup = true;
    const left = x === null ? -10 : this.#plot.valToPos(x, "x");
    this.#plot.setCursor({ left, top: x === null ? -10 : 0 });
    this.#movedByGroup = false;
  }

  destroy(): void {
    this.#plot.destroy();
  }

  #plotOptions(): uPlot.Options {
    const { host, height } = this.#options;
    return {
      width: Math.max(host.clientWidth, 120),
      height,
      padding: [8, 12, 0, 0],
      legend: { show: false },
      cursor: this.#cursorOptions(),
      scales: {
        x: { time: false, range: () => [this.#window.min, this.#window.max] },
        y: {
          distr: this.#options.log ? 3 : 1,
          range: (_plot, min, max) => this.#rangeY(min, max),
        },
      },
      axes: [this.#xAxisOptions(), this.#yAxisOptions()],
      series: [{}, ...this.#options.series.map((spec) => this.#seriesOptions(spec))],
      hooks: {
        setCursor: [(plot) => this.#reportHover(plot)],
        setSelect: [(plot) => this.#reportZoom(plot)],
        draw: [(plot) => this.#drawMark(plot)],
      },
    };
  }

  #cursorOptions(): uPlot.Cursor {
    return {
      y: false,
      drag: { x: true, y: false, setScale: false, dist: MIN_DRAG_PX },
      hover: { skip: [null, undefined], prox: 24 },
      points: { size: 7, width: 2 },
      bind: {
        dblclick: () => () => {
          this.#options.onZoom(null);
          return null;
        },
      },
    };
  }

  #seriesOptions(spec: SeriesSpec): uPlot.Series {
    const { theme } = this.#options;
    const stroke = () => theme.color(spec.color);
    const faint = theme.highContrast ? FAINT_ALPHA_HIGH_CONTRAST : FAINT_ALPHA;
    return {
      stroke,
      width: spec.look === "faint" ? 1 : 2,
      alpha: spec.look === "faint" ? faint : 1,
      spanGaps: true,
      points: {
        show: (plot, index) => {
          const count = countValues(plot.data[index]);
          // A lone value draws no line: it is shown as a point until a second one comes.
          if (spec.look !== "points") return count === 1;
          return count * MIN_POINT_DISTANCE_PX < plot.over.clientWidth;
        },
        size: 6,
        stroke,
        fill: stroke,
      },
    };
  }

  #xAxisOptions(): uPlot.Axis {
    return {
      ...this.#axisStyle(),
      size: X_AXIS_PX,
      space: 64,
      incrs: () => (this.#xAxis === "time" ? CLOCK_STEPS : STEP_STEPS),
      values: (_plot, splits) =>
        splits.map(this.#xAxis === "time" ? formatTickDuration : formatTickCount),
    };
  }

  #yAxisOptions(): uPlot.Axis {
    const axis: uPlot.Axis = {
      ...this.#axisStyle(),
      size: Y_AXIS_PX,
      space: this.#options.height > 200 ? 32 : 24,
      values: (_plot, splits) => splits.map((value) => formatNumber(value)),
    };
    if (!this.#options.log) return axis;
    const limit = Math.max(2, Math.floor(this.#options.height / 40));
    return {
      ...axis,
      splits: (_plot, _axis, min, max) => logTicks(min, max, limit),
      filter: (_plot, splits) => splits,
    };
  }

  #axisStyle(): uPlot.Axis {
    const { theme } = this.#options;
    const grid = () => theme.color("grid");
    const family = getComputedStyle(document.body).fontFamily;
    return {
      stroke: () => theme.color("text"),
      font: `11px ${family}`,
      gap: 4,
      grid: { stroke: grid, width: 1 },
      ticks: { show: false },
    };
  }

  #rangeY(min: number | null, max: number | null): uPlot.Range.MinMax {
    if (min === null || max === null) return this.#options.log ? [0.1, 10] : [0, 1];
    if (this.#options.log) {
      const low = Math.log10(min);
      const high = Math.log10(max);
      const pad = Math.max((high - low) * Y_PADDING, 0.01);
      return [10 ** (low - pad), 10 ** (high + pad)];
    }
    const pad = max > min ? (max - min) * Y_PADDING : Math.abs(max) * 0.1 || 1;
    if (this.#options.fromZero && min >= 0) return [0, max + pad];
    return [min - pad, max + pad];
  }

  /** A dashed line from top to bottom, its name on the side that has room. */
  #drawMark(plot: uPlot): void {
    const mark = this.#mark;
    const window = this.#window;
    if (mark === null || mark.x < window.min || mark.x > window.max) return;
    const { ctx } = plot;
    const { left, top, width, height } = plot.bbox;
    const x = Math.round(plot.valToPos(mark.x, "x", true));
    const ratio = devicePixelRatio;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = this.#options.theme.color("text");
    ctx.lineWidth = ratio;
    ctx.setLineDash([4 * ratio, 3 * ratio]);
    ctx.beginPath();
    ctx.moveTo(x, top);
    ctx.lineTo(x, top + height);
    ctx.stroke();
    const isRight = x > left + width / 2;
    ctx.textAlign = isRight ? "right" : "left";
    ctx.textBaseline = "top";
    ctx.font = `${11 * ratio}px ${getComputedStyle(document.body).fontFamily}`;
    ctx.fillText(mark.label, x + (isRight ? -5 : 5) * ratio, top + 2 * ratio);
    ctx.restore();
  }

  #reportHover(plot: uPlot): void {
    if (this.#movedByGroup) return;
    const left = plot.cursor.left ?? -1;
    this.#options.onHover(left < 0 ? null : plot.posToVal(left, "x"));
  }

  #reportZoom(plot: uPlot): void {
    const { left, width } = plot.select;
    if (width === 0) return;
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    if (width < MIN_DRAG_PX) return;
    this.#options.onZoom({
      min: plot.posToVal(left, "x"),
      max: plot.posToVal(left + width, "x"),
    });
  }
}

function countValues(values: uPlot.AlignedData[number] | undefined): number {
  let count = 0;
  for (const value of values ?? []) count += Number(value !== null && value !== undefined);
  return count;
}

function emptyData(seriesCount: number): uPlot.AlignedData {
  return [[], ...Array.from({ length: seriesCount }, () => [])];
}
