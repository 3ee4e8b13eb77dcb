// The run panel's page. It holds the metrics, draws them and says what was pressed; everything it
// shows comes in messages (src/protocol/panel-messages.ts).
import "./style.css";
import type {
  FromPanel,
  PanelAction,
  RunView,
  ToPanel,
} from "../../src/protocol/panel-messages.ts";
import { ChartGroup } from "./chart-group.ts";
import { Figures, Settings } from "./details.ts";
import { element, setHidden, setText } from "../shared/dom.ts";
import { EvaluationView } from "./evaluation.ts";
import { estimateRemainingMs } from "./eta.ts";
import { Header } from "../shared/header.ts";
import { headerView } from "./header-view.ts";
import { keptMark } from "./kept.ts";
import { LogView } from "../shared/log-view.ts";
import { MetricStore } from "./metric-store.ts";
import { isLive } from "../shared/status-label.ts";
import { ViewKeeper } from "../shared/view-keeper.ts";
import { positionOf } from "./position.ts";
import { progressShare, progressText } from "./status.ts";
import { summarise } from "./summary.ts";
import { Theme } from "../shared/theme.ts";
import { Toolbar } from "./toolbar.ts";
import { restoreView, type PanelView } from "./view-state.ts";

interface VsCodeApi {
  postMessage(message: FromPanel): void;
  getState(): unknown;
  setState(state: PanelView): void;
}
declare function acquireVsCodeApi(): VsCodeApi;

const CLOCK_INTERVAL_MS = 1000;

class RunPage {
  readonly #vscode = acquireVsCodeApi();
  readonly #view = restoreView(this.#vscode.getState(), document.body.dataset["runDir"] ?? "");
  readonly #keeper: ViewKeeper<PanelView>;
  readonly #store = new MetricStore();
  readonly #main = element("main");
  readonly #header = new Header<PanelAction>(this.#main, (action) => {
    this.#header.showNotice(undefined);
    this.#vscode.postMessage({ type: "action", action });
  });
  readonly #figures = new Figures(this.#main);
  readonly #chartArea = element("div", { class: "chart-area" });
  readonly #empty = element("p", { class: "empty" });
  readonly #toolbar = new Toolbar({
    root: this.#chartArea,
    view: this.#view,
    onChange: () => this.#viewChanged(),
    onSwitchAxis: () => {
      this.#charts.switchAxis();
      this.#viewChanged();
    },
    onResetZoom: () => {
      this.#view.zoom = null;
      this.#viewChanged();
    },
  });
  readonly #charts: ChartGroup;
  readonly #labelled = element("div");
  readonly #evaluation = new EvaluationView(this.#labelled);
  readonly #details = element("div", { class: "details" });
  readonly #settings = new Settings(this.#details);
  readonly #log = new LogView(this.#details);
  #run: RunView | undefined;
  #metricsCame = false;
  #metricsCameAt = Date.now();
  #drawRequested = false;

  constructor() {
    document.body.append(this.#main);
    const theme = new Theme(() => this.#charts.redrawColors());
    const grid = element("div", { class: "charts" });
    this.#chartArea.append(grid);
    // Nothing is shown before it is known.
    setHidden(this.#empty, true);
    this.#main.classList.add("waiting");
    // Charts measure their hosts, so these must be in the page before the group is made.
    this.#main.append(this.#empty, this.#chartArea, this.#labelled, this.#details);
    const store = this.#store;
    const view = this.#view;
    this.#charts = new ChartGroup({
      root: grid,
      store,
      view,
      theme,
      onViewChange: () => this.#viewChanged(),
    });
    this.#keeper = new ViewKeeper(this.#view, (view) => this.#vscode.setState(view));
    window.addEventListener("message", ({ data }: MessageEvent<ToPanel>) => this.#receive(data));
    window.setInterval(() => this.#showProgress(), CLOCK_INTERVAL_MS);
    this.#vscode.postMessage({ type: "ready" });
  }

  #receive(message: ToPanel): void {
    switch (message.type) {
      case "run":
        this.#run = message.run;
        this.#main.classList.remove("waiting");
        this.#header.show(headerView(message.run));
        this.#settings.show(message.run);
        this.#charts.add(message.run.objective.charts);
        break;
      case "metrics":
        if (message.reset) this.#store.clear();
        this.#store.append(message.columns);
        this.#metricsCame = true;
        this.#metricsCameAt = Date.now();
        this.#charts.invalidate();
        break;
      case "evaluation":
        this.#evaluation.show(message.evaluation);
        return;
      case "log":
        this.#log.show(message.lines);
        return;
      case "problem":
        this.#header.showNotice(message.message);
        return;
    }
    this.#requestDraw();
  }

  #requestDraw(): void {
    if (this.#drawRequested) return;
    this.#drawRequested = true;
    requestAnimationFrame(() => {
      this.#drawRequested = false;
      this.#draw();
    });
  }

  #draw(): void {
    if (this.#run === undefined) return;
    this.#showProgress();
    this.#figures.show(summarise(this.#store, this.#run));
    this.#charts.mark(keptMark(this.#run));
    const hasMetrics = this.#store.size > 0;
    setHidden(this.#chartArea, !hasMetrics);
    setHidden(this.#empty, hasMetrics || !this.#metricsCame);
    setText(this.#empty, emptyText(this.#run));
    if (hasMetrics) this.#charts.draw();
    if (this.#metricsCame) this.#keeper.restoreScroll();
  }

  #showProgress(): void {
    const run = this.#run;
    const store = this.#store;
    if (run === undefined) return;
    const live = run.status === "running" || run.status === "stopping";
    const sinceMs = live ? Date.now() - this.#metricsCameAt : 0;
    const knownMs = Math.max(run.state?.elapsedMs ?? 0, store.last("elapsedMs") ?? 0);
    const remainingMs = live ? this.#remainingMs(run.state?.totalSteps) : undefined;
    const facts = {
      run,
      ...positionOf(store, run),
      elapsedMs: knownMs === 0 && !live ? undefined : knownMs + sinceMs,
      remainingMs: remainingMs === undefined ? undefined : Math.max(0, remainingMs - sinceMs),
    };
    const { status } = run;
    this.#header.showProgress({ text: progressText(facts), share: progressShare(facts), status });
  }

  #remainingMs(totalSteps: number | undefined): number | undefined {
    if (totalSteps === undefined) return undefined;
    return estimateRemainingMs(this.#store.step, this.#store.column("elapsedMs"), totalSteps);
  }

  #viewChanged(): void {
    this.#toolbar.update();
    this.#keeper.saveSoon();
    this.#requestDraw();
  }
}

function emptyText(run: RunView): string {
  if (isLive(run.status)) return "The first point appears after the first training step.";
  return "This run wrote no metrics.";
}

new RunPage();
