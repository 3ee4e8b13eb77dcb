import type { ChartFacts } from "../../src/protocol/figures.ts";
import { CHART_SPECS, objectiveChart, seriesOf, type ChartSpec, type Line } from "./chart-specs.ts";
import { Chart, type ChartData } from "./chart.ts";
import { element, setHidden, setText } from "../shared/dom.ts";
import { interpolate, nearestIndex, selectRows, type Window } from "./downsample.ts";
import {
  formatCount,
  formatDuration,
  formatEpoch,
  formatValue,
  UNKNOWN,
} from "../shared/format.ts";
import type { KeptMark } from "./kept.ts";
import type { MetricStore } from "./metric-store.ts";
import { smooth } from "./smoothing.ts";
import type { Theme } from "../shared/theme.ts";
import type { PanelView } from "./view-state.ts";

interface Card {
  spec: ChartSpec;
  host: HTMLElement;
  chart: Chart;
  plotHost: HTMLElement;
  readouts: HTMLElement[];
}

interface GroupOptions {
  root: HTMLElement;
  store: MetricStore;
  view: PanelView;
  theme: Theme;
  /** The person zoomed or moved: the view must be kept, the Reset button shown. */
  onViewChange: () => void;
}

const KEYBOARD_STEPS = 100;
const KEYBOARD_ZOOM = 0.5;

/** The charts: one window, one cursor, one hover line between them. */
export class ChartGroup {
  readonly #options: GroupOptions;
  readonly #cards: Card[] = [];
  readonly #position = element("span", { class: "position" });
  readonly #announcement = element("span", { class: "visually-hidden", role: "status" });
  readonly #smoothed = new Map<string, Float64Array>();
  #smoothedWith = NaN;
  readonly #observer = new ResizeObserver(() => {
    for (const card of this.#cards) card.chart.resize();
    this.draw();
  });
  #hoverX: number | null = null;
  #kept: KeptMark | undefined;
  #logScale: boolean;

  constructor(options: GroupOptions) {
    this.#options = options;
    this.#logScale = options.view.logScale;
    for (const spec of CHART_SPECS) this.#cards.push(this.#buildCard(spec));
    options.root.append(this.#announcement);
    for (const card of this.#cards) this.#observer.observe(card.plotHost);
  }

  /** Charts of the run's objective; they stand behind the first, and come once. */
  add(charts: readonly ChartFacts[]): void {
    let before = this.#cards[0]?.host;
    for (const facts of charts) {
      if (this.#cards.some(({ spec }) => spec.title === facts.title)) continue;
      const card = this.#buildCard(objectiveChart(facts));
      before?.after(card.host);
      before = card.host;
      this.#cards.splice(1, 0, card);
      this.#observer.observe(card.plotHost);
    }
  }

  /** Which step's weights are kept, or would be. */
  mark(mark: KeptMark | undefined): void {
    this.#kept = mark;
  }

  /** New rows came: averages are stale. */
  invalidate(): void {
    this.#smoothed.clear();
  }

  draw(): void {
    const { view } = this.#options;
    if (view.smoothing !== this.#smoothedWith) this.#smoothed.clear();
    this.#smoothedWith = view.smoothing;
    if (view.logScale !== this.#logScale) this.#rebuild();
    for (const card of this.#cards) {
      const { needs } = card.spec;
      setHidden(card.host, needs !== undefined && this.#options.store.last(needs) === undefined);
      if (!card.host.hidden) this.#drawCard(card);
    }
    this.#showValues();
  }

  redrawColors(): void {
    for (const card of this.#cards) card.chart.redraw();
  }

  /** Keeps the same part of the run in sight when the axis changes from steps to time or back. */
  switchAxis(): void {
    const { view, store } = this.#options;
    const before = this.#xValues();
    view.xAxis = view.xAxis === "step" ? "time" : "step";
    const after = this.#xValues();
    if (view.zoom === null || store.size === 0) return;
    const at = (target: number) => interpolate(before, after, target);
    const window = { min: at(view.zoom.min), max: at(view.zoom.max) };
    view.zoom = window.min < window.max ? window : null;
  }

  /** In steps or seconds. */
  #xValues(): Float64Array {
    const { view, store } = this.#options;
    if (view.xAxis === "step") return store.step;
    return store.column("elapsedMs").map((ms) => ms / 1000);
  }

  #window(x: Float64Array): Window {
    const { zoom } = this.#options.view;
    if (zoom !== null) return zoom;
    const min = x[0] ?? 0;
    const max = x.at(-1) ?? 1;
    return max > min ? { min, max } : { min, max: min + 1 };
  }

  #drawCard(card: Card): void {
    const x = this.#xValues();
    const window = this.#window(x);
    const columns = card.spec.lines.flatMap((line) => this.#lineColumns(line));
    const buckets = Math.max(card.chart.plotWidth, 100);
    const rows = selectRows(x, columns, window, buckets);
    const log = card.spec.canLog && this.#logScale;
    card.chart.setData({
      xAxis: this.#options.view.xAxis,
      window,
      x: rows.map((row) => x[row] ?? NaN),
      y: columns.map((column) => rows.map((row) => drawable(column[row], log))),
      mark: card.spec === CHART_SPECS[0] ? this.#markAt(x) : null,
    });
  }

  #markAt(x: Float64Array): ChartData["mark"] {
    const kept = this.#kept;
    const at = kept === undefined ? undefined : x[this.#options.store.step.indexOf(kept.step)];
    return kept === undefined || at === undefined ? null : { x: at, label: kept.label };
  }

  #lineColumns(line: Line): Float64Array[] {
    const column = this.#options.store.column(line.column);
    return line.look === "smoothed" ? [column, this.#smoothedColumn(line.column)] : [column];
  }

  #smoothedColumn(name: string): Float64Array {
    const known = this.#smoothed.get(name);
    if (known !== undefined) return known;
    const fresh = smooth(this.#options.store.column(name), this.#options.view.smoothing);
    this.#smoothed.set(name, fresh);
    return fresh;
  }

  #setHover(x: number | null): void {
    this.#hoverX = x;
    for (const card of this.#cards) card.chart.setCursor(x);
    this.#showValues();
  }

  #setZoom(window: Window | null): void {
    const { view } = this.#options;
    // A window without two rows would be an empty picture that looks like lost data.
    if (window !== null) {
      const x = this.#xValues();
      const inside = x.reduce(
        (n, value) => n + Number(value >= window.min && value <= window.max),
        0,
      );
      if (inside < 2) return;
    }
    view.zoom = window;
    this.#options.onViewChange();
    this.draw();
  }

  /** The values at the cursor, or the last ones when there is no cursor. */
  #showValues(): void {
    const { store } = this.#options;
    const x = this.#xValues();
    const row = this.#hoverX === null ? store.size - 1 : nearestIndex(x, this.#hoverX);
    setHidden(this.#position, row < 0);
    if (row >= 0) setText(this.#position, this.#positionText(row));
    for (const card of this.#cards) {
      card.spec.lines.forEach((line, index) => {
        const readout = card.readouts[index];
        if (readout === undefined) return;
        const text = this.#valueText(line, row);
        setText(
          readout,
          text,
          line.look === "smoothed" ? `${text}: value and moving average` : text,
        );
        // A run without evaluations needs no empty place for them.
        const { parentElement } = readout;
        if (parentElement !== null) setHidden(parentElement, text === UNKNOWN && line.label !== "");
      });
    }
  }

  #positionText(row: number): string {
    const { store } = this.#options;
    const epoch = store.value("epoch", row);
    const parts = [`Step ${formatCount(store.step[row])}`];
    if (!Number.isNaN(epoch)) parts.push(`epoch ${formatEpoch(epoch)}`);
    parts.push(formatDuration(store.value("elapsedMs", row)));
    return parts.join(" · ");
  }

  /** Values come now and then: where this row has none, the one before it counts, with its step. */
  #valueText(line: Line, row: number): string {
    const { store, view } = this.#options;
    let at = row;
    while (at >= 0 && Number.isNaN(store.value(line.column, at))) at -= 1;
    if (at < 0) return UNKNOWN;
    const text = formatValue(store.value(line.column, at));
    if (line.look === "points")
      return at === row ? text : `${text} (step ${formatCount(store.step[at])})`;
    if (line.look === "plain" || view.smoothing === 0) return text;
    return `${text} (avg ${formatValue(this.#smoothedColumn(line.column)[at])})`;
  }

  #buildCard(spec: ChartSpec): Card {
    const readouts = spec.lines.map(() => element("span", { class: "readout" }));
    const legend = spec.lines.map((line, index) =>
      element("span", { class: "legend-item" }, [
        element("span", {
          class: `swatch palette-${line.color} ${line.look}`,
          "aria-hidden": "true",
        }),
        ...(line.label === "" ? [] : [element("span", {}, [line.label])]),
        readouts[index] ?? "",
      ]),
    );
    const isMain = spec === CHART_SPECS[0];
    const header = element("header", {}, [element("h2", {}, [spec.title]), ...legend]);
    if (isMain) header.append(this.#position);
    const plotHost = element("div", {
      class: "plot",
      tabindex: "0",
      role: "group",
      "aria-label": `${spec.title} chart. Arrow keys move the cursor, plus and minus zoom, Escape shows everything.`,
    });
    plotHost.addEventListener("keydown", (event) => this.#onKey(event));
    plotHost.addEventListener("blur", () => this.#setHover(null));
    const card = element("section", { class: isMain ? "chart main" : "chart" }, [header, plotHost]);
    this.#options.root.append(card);
    return { spec, host: card, plotHost, readouts, chart: this.#buildChart(spec, plotHost) };
  }

  #buildChart(spec: ChartSpec, host: HTMLElement): Chart {
    return new Chart({
      host,
      theme: this.#options.theme,
      series: spec.lines.flatMap(seriesOf),
      height: spec.height,
      log: spec.canLog && this.#logScale,
      fromZero: spec.fromZero,
      onHover: (x) => this.#setHover(x),
      onZoom: (window) => this.#setZoom(window),
    });
  }

  #rebuild(): void {
    this.#logScale = this.#options.view.logScale;
    for (const card of this.#cards) {
      if (!card.spec.canLog) continue;
      card.chart.destroy();
      card.chart = this.#buildChart(card.spec, card.plotHost);
    }
  }

  #onKey(event: KeyboardEvent): void {
    const x = this.#xValues();
    if (x.length === 0) return;
    const window = this.#window(x);
    const span = window.max - window.min;
    const at = Math.min(Math.max(this.#hoverX ?? window.max, window.min), window.max);
    switch (event.key) {
      case "ArrowLeft":
      case "ArrowRight":
        this.#moveCursor(x, at, (event.key === "ArrowLeft" ? -span : span) / KEYBOARD_STEPS);
        break;
      case "Home":
      case "End":
        this.#setHover(event.key === "Home" ? window.min : window.max);
        break;
      case "+":
      case "=":
      case "-":
        this.#zoomAround(x, at, event.key === "-" ? span / KEYBOARD_ZOOM : span * KEYBOARD_ZOOM);
        break;
      case "Escape":
        this.#setZoom(null);
        break;
      default:
        return;
    }
    event.preventDefault();
    setText(this.#announcement, this.#spokenValues());
  }

  /** To the row about `distance` away, at least to the next one. */
  #moveCursor(x: Float64Array, from: number, distance: number): void {
    const here = nearestIndex(x, from);
    let row = nearestIndex(x, from + distance);
    if (row === here) row = Math.min(Math.max(here + Math.sign(distance), 0), x.length - 1);
    this.#setHover(x[row] ?? null);
  }

  #zoomAround(x: Float64Array, at: number, span: number): void {
    const first = x[0] ?? 0;
    const last = x.at(-1) ?? first;
    if (span >= last - first) return this.#setZoom(null);
    const min = Math.min(Math.max(at - span / 2, first), last - span);
    this.#setZoom({ min, max: min + span });
  }

  #spokenValues(): string {
    const shown = this.#cards.filter(({ host }) => !host.hidden);
    const values = shown.flatMap((card) =>
      card.spec.lines.map((line, index) => {
        const isLoss = card.spec === CHART_SPECS[0];
        const label = line.label === "" ? card.spec.title : `${line.label}${isLoss ? " loss" : ""}`;
        return `${label} ${card.readouts[index]?.textContent ?? ""}`;
      }),
    );
    return [this.#position.textContent, ...values].join(", ");
  }
}

/** uPlot wants null for "no value", and a logarithm has none at or below zero. */
function drawable(value: number | undefined, log: boolean): number | null {
  if (value === undefined || !Number.isFinite(value) || (log && value <= 0)) return null;
  return value;
}
