// The lab panel's page. It draws an interpolation and says what was pressed; everything it shows comes in
// messages (src/protocol/lab-messages.ts).
import "./style.css";
import type {
  FromLab,
  LabAction,
  InterpolationView,
  ToLab,
} from "../../src/protocol/lab-messages.ts";
import type { InterpolationData } from "../../src/protocol/interpolation.ts";
import { element, setHidden, setText } from "../shared/dom.ts";
import { Header } from "../shared/header.ts";
import { LogView } from "../shared/log-view.ts";
import { ViewKeeper } from "../shared/view-keeper.ts";
import { AlphaCurvesView } from "./alpha-curves.ts";
import type { LabContext } from "./lab-context.ts";
import { defaultAxes, defaultMetric, measuresOf, metricsOf, nearestAlpha } from "./measures.ts";
import type { Measure } from "./measures.ts";
import { PointTable } from "./point-table.ts";
import { emptyText, headerView, progressView } from "./status.ts";
import { Toolbar } from "./toolbar.ts";
import { TwoAxisView } from "./two-axis.ts";
import { Verdict } from "./verdict.ts";
import { type LabView, restoreView } from "./view-state.ts";

interface VsCodeApi {
  postMessage(message: FromLab): void;
  getState(): unknown;
  setState(state: LabView): void;
}
declare function acquireVsCodeApi(): VsCodeApi;

/** The paper's default: shown first where nothing is recommended. */
const DEFAULT_ALPHA = 0.5;

class LabPage {
  readonly #vscode = acquireVsCodeApi();
  readonly #view = restoreView(
    this.#vscode.getState(),
    document.body.dataset["interpolationDir"] ?? "",
  );
  readonly #keeper: ViewKeeper<LabView>;
  readonly #main = element("main");
  readonly #header = new Header<LabAction>(this.#main, (action) =>
    this.#say({ type: "action", action }),
  );
  readonly #empty = element("p", { class: "empty" });
  readonly #verdict = new Verdict({
    onSelect: (alpha) => this.#select(alpha),
    onSave: (alpha) => this.#say({ type: "save", alpha }),
  });
  readonly #toolbar = new Toolbar({
    onMetric: (metric) => this.#choose({ metric }),
    onAxis: (axis, id) => this.#choose({ [axis]: id }),
  });
  readonly #twoAxis = new TwoAxisView();
  readonly #curves = new AlphaCurvesView();
  readonly #table = new PointTable();
  readonly #charts = element("div", { class: "charts lab-charts" }, [
    this.#twoAxis.root,
    this.#curves.root,
  ]);
  readonly #body = element("div", {}, [
    this.#verdict.root,
    this.#toolbar.root,
    this.#charts,
    this.#table.root,
  ]);
  readonly #details = element("div", { class: "details" });
  readonly #log = new LogView(this.#details);
  #interpolation: InterpolationView | undefined;

  constructor() {
    // Nothing is shown before it is known.
    setHidden(this.#empty, true);
    setHidden(this.#body, true);
    this.#main.classList.add("waiting");
    this.#main.append(this.#empty, this.#body, this.#details);
    document.body.append(this.#main);
    this.#keeper = new ViewKeeper(this.#view, (view) => this.#vscode.setState(view));
    window.addEventListener("message", ({ data }: MessageEvent<ToLab>) => this.#receive(data));
    this.#vscode.postMessage({ type: "ready" });
  }

  #say(message: FromLab): void {
    this.#header.showNotice(undefined);
    this.#vscode.postMessage(message);
  }

  #receive(message: ToLab): void {
    switch (message.type) {
      case "interpolation":
        this.#interpolation = message.interpolation;
        this.#main.classList.remove("waiting");
        this.#draw();
        break;
      case "log":
        this.#log.show(message.lines);
        break;
      case "problem":
        this.#main.classList.remove("waiting");
        this.#header.showNotice(message.message);
        break;
    }
  }

  #draw(): void {
    const interpolation = this.#interpolation;
    if (interpolation === undefined) return;
    this.#header.show(headerView(interpolation));
    this.#header.showProgress(progressView(interpolation));
    const hasPoints = interpolation.points.length > 0;
    setHidden(this.#body, !hasPoints);
    setHidden(this.#empty, hasPoints);
    setText(this.#empty, emptyText(interpolation));
    if (!hasPoints) return;
    const context = this.#contextOf(interpolation);
    if (context === undefined) return;
    this.#toolbar.show(context, metricsOf(interpolation.points));
    this.#verdict.show(context, interpolation.summary);
    this.#twoAxis.show(context);
    this.#curves.show(context);
    this.#table.show(context);
    this.#keeper.restoreScroll();
  }

  #contextOf(interpolation: InterpolationView): LabContext | undefined {
    const { points, summary } = interpolation;
    const metrics = metricsOf(points);
    const wanted = this.#view.metric ?? defaultMetric(points);
    const metric = metrics.find(({ key }) => key === wanted) ?? metrics[0];
    if (metric === undefined) return undefined;
    const data = dataOf(interpolation);
    const measures = measuresOf(data);
    const recommended = summary?.recommended?.alpha;
    return {
      points,
      measures,
      metric,
      axes: this.#axesOf(data, measures),
      selected: nearestAlpha(points, this.#view.alpha ?? recommended ?? DEFAULT_ALPHA),
      recommended,
      barriers: new Set(summary?.barriers.map((barrier) => barrier.data)),
      onSelect: (alpha) => this.#select(alpha),
      onHover: (alpha) => this.#hover(alpha),
    };
  }

  #axesOf(data: readonly InterpolationData[], measures: readonly Measure[]): LabContext["axes"] {
    const axes = defaultAxes(data);
    const chosen = (id: string | undefined) => measures.find((measure) => measure.id === id);
    return axes && { x: chosen(this.#view.x) ?? axes.x, y: chosen(this.#view.y) ?? axes.y };
  }

  #select(alpha: number): void {
    this.#choose({ alpha });
  }

  #hover(alpha: number | undefined): void {
    this.#twoAxis.hover(alpha);
    this.#curves.hover(alpha);
    this.#table.hover(alpha);
  }

  #choose(change: Partial<LabView>): void {
    Object.assign(this.#view, change);
    this.#keeper.saveSoon();
    this.#draw();
  }
}

/** An interpolation without its definition still has names in its points. */
function dataOf({ definition, points }: InterpolationView): readonly InterpolationData[] {
  const names = Object.keys(points[0]?.results ?? {});
  return definition?.data ?? names.map((name) => ({ name, file: "", role: "in-distribution" }));
}

new LabPage();
