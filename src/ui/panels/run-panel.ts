import path from "node:path";
import * as vscode from "vscode";
import { methodView } from "../../protocol/methods.ts";
import { objectiveView } from "../../protocol/objectives.ts";
import { fromPanelSchema, type PanelAction } from "../../protocol/panel-messages.ts";
import type { RunView, ToPanel } from "../../protocol/panel-messages.ts";
import { RUN_FILES } from "../../protocol/run-folder.ts";
import { MetricsTail } from "../../run-folder/metrics-tail.ts";
import { readEvaluation, type Run } from "../../run-folder/run.ts";
import { readEngineRun } from "../../runs/engine-status.ts";
import type { RunStore } from "../../runs/run-store.ts";
import { errorMessage } from "../../util/errors.ts";
import { openLineOf } from "../open-line.ts";
import { loadPage, panelTitle } from "./load-page.ts";
import { readLastLines } from "./log-tail.ts";
import { toColumns } from "./metric-columns.ts";

interface RunPanelOptions {
  panel: vscode.WebviewPanel;
  runDir: string;
  store: RunStore;
  /** The folder of the page's script and style sheet, the only one that it may load from. */
  mediaUri: vscode.Uri;
}

/** At most this often does a page hear of changes. */
const SEND_INTERVAL_MS = 200;
/** How often a run outside the store's folders is looked at. */
const FOREIGN_POLL_MS = 2_000;
const LOG_TAIL = { maxLines: 200, maxBytes: 64 * 1024 };

type Part = "run" | "metrics" | "log";

const COMMANDS: Record<Exclude<PanelAction, "openLine">, string> = {
  stop: "retune.stopRun",
  resume: "retune.resumeRun",
  showLog: "retune.showLog",
  showRecipe: "retune.showRecipe",
  generate: "retune.generate",
  classify: "retune.classify",
  openOutput: "retune.revealRunOutput",
};

/**
 * One run's panel, host side: feeds the page from the run folder while it is visible. A hidden page
 * does not exist (its context is not retained); it says `ready` when it is shown again and gets
 * everything anew.
 */
export class RunPanel implements vscode.Disposable {
  readonly #options: RunPanelOptions;
  readonly #disposables: vscode.Disposable[] = [];
  readonly #stale = new Set<Part>();
  #tail: MetricsTail | undefined;
  #sendTimer: NodeJS.Timeout | undefined;
  #isLoaded = false;
  #isSending = false;
  #lastRun = "";
  #lastEvaluation = "";

  constructor(options: RunPanelOptions) {
    this.#options = options;
    const { panel, runDir, store } = options;
    this.#disposables.push(
      panel.webview.onDidReceiveMessage((message: unknown) => this.#receive(message)),
      panel.onDidChangeViewState(() => this.#visibilityChanged()),
      store.onDidChange(({ type, run }) => {
        if (run.dir !== runDir) return;
        if (type === "removed") void this.#closeIfGone();
        else this.#changed(type === "metrics" || type === "log" ? type : "run");
      }),
    );
    const poll = setInterval(() => {
      if (store.get(runDir) === undefined) this.#changed("run", "metrics", "log");
    }, FOREIGN_POLL_MS);
    this.#disposables.push({ dispose: () => clearInterval(poll) });
    this.#load();
  }

  dispose(): void {
    clearTimeout(this.#sendTimer);
    this.#tail = undefined;
    for (const disposable of this.#disposables.splice(0)) disposable.dispose();
  }

  #load(): void {
    const { panel, runDir, mediaUri } = this.#options;
    loadPage(panel, {
      name: "run-panel",
      mediaUri,
      shows: { attribute: "run-dir", value: runDir },
    });
  }

  #receive(data: unknown): void {
    const message = fromPanelSchema.safeParse(data);
    if (!message.success) return;
    switch (message.data.type) {
      case "ready":
        this.#isLoaded = true;
        this.#startOver();
        break;
      case "action":
        void this.#act(message.data.action);
        break;
    }
  }

  /**
   * A hidden page is told nothing. Shown again it is told everything at once: most often it was loaded
   * anew and says `ready` too, but should it have lived on it would never say so.
   */
  #visibilityChanged(): void {
    const { visible } = this.#options.panel;
    if (!visible) this.#tail = undefined;
    else if (this.#isLoaded && this.#tail === undefined) this.#startOver();
  }

  #startOver(): void {
    this.#tail = new MetricsTail(path.join(this.#options.runDir, RUN_FILES.metrics));
    this.#lastRun = "";
    this.#lastEvaluation = "";
    this.#changed("run", "metrics", "log");
  }

  async #act(action: PanelAction): Promise<void> {
    try {
      const { runDir } = this.#options;
      if (action === "openLine")
        await (await openLineOf((await this.#run())?.state?.message))?.open();
      else await vscode.commands.executeCommand(COMMANDS[action], runDir);
    } catch (error) {
      this.#post({ type: "problem", message: errorMessage(error) });
    }
  }

  #changed(...parts: Part[]): void {
    for (const part of parts) this.#stale.add(part);
    if (this.#tail === undefined || this.#isSending || this.#sendTimer !== undefined) return;
    const delay = this.#lastRun === "" ? 0 : SEND_INTERVAL_MS;
    this.#sendTimer = setTimeout(() => {
      this.#sendTimer = undefined;
      void this.#send();
    }, delay);
  }

  async #send(): Promise<void> {
    this.#isSending = true;
    try {
      const parts = new Set(this.#stale);
      this.#stale.clear();
      if (parts.has("run")) await this.#sendRun();
      if (parts.has("log")) await this.#sendLog();
      if (parts.has("metrics")) await this.#sendMetrics();
      // It is written before the metrics that go with it, and once more when the run ends.
      if (parts.has("run") || parts.has("metrics")) await this.#sendEvaluation();
    } catch (error) {
      this.#post({ type: "problem", message: errorMessage(error) });
    } finally {
      this.#isSending = false;
      if (this.#stale.size > 0) this.#changed();
    }
  }

  async #run(): Promise<Run | undefined> {
    const { store, runDir } = this.#options;
    return store.get(runDir) ?? (await readEngineRun(runDir));
  }

  async #sendRun(): Promise<void> {
    const { runDir, panel } = this.#options;
    const run = await this.#run();
    if (run === undefined) {
      const message = `${runDir}: no run here any more; it was deleted or moved. Close this tab.`;
      this.#post({ type: "problem", message });
      return;
    }
    const place = run.status === "failed" ? await openLineOf(run.state?.message) : undefined;
    const view = { ...toView(run), ...(place ? { failedLine: place.line } : {}) };
    const json = JSON.stringify(view);
    if (json === this.#lastRun) return;
    this.#lastRun = json;
    const title = panelTitle(run.name);
    if (panel.title !== title) panel.title = title;
    this.#post({ type: "run", run: view });
  }

  async #sendMetrics(): Promise<void> {
    const tail = this.#tail;
    let more = true;
    // A page that was hidden meanwhile starts over with a tail of its own.
    while (more && tail !== undefined && tail === this.#tail) {
      const batch = await tail.read();
      more = batch.more;
      if (tail !== this.#tail) return;
      if (batch.reset || batch.metrics.length > 0) {
        const { reset } = batch;
        this.#post({ type: "metrics", reset, columns: toColumns(batch.metrics) });
      }
    }
  }

  async #sendEvaluation(): Promise<void> {
    const evaluation = await readEvaluation(this.#options.runDir);
    const json = JSON.stringify(evaluation) ?? "";
    if (evaluation === undefined || json === this.#lastEvaluation) return;
    this.#lastEvaluation = json;
    this.#post({ type: "evaluation", evaluation });
  }

  async #sendLog(): Promise<void> {
    const file = path.join(this.#options.runDir, RUN_FILES.log);
    this.#post({ type: "log", lines: await readLastLines(file, LOG_TAIL) });
  }

  #post(message: ToPanel): void {
    if (this.#tail !== undefined) void this.#options.panel.webview.postMessage(message);
  }

  /** Also a run whose workspace folder was closed leaves the store: its panel may stay. */
  async #closeIfGone(): Promise<void> {
    const run = await readEngineRun(this.#options.runDir).catch(() => undefined);
    if (run === undefined) this.#options.panel.dispose();
  }
}

function toView(run: Run): RunView {
  const { dir, name, status, state, recipe, foreign, problem } = run;
  return {
    runDir: dir,
    name,
    status,
    ...(state === undefined ? {} : { state }),
    ...(recipe === undefined ? {} : { recipe, method: methodView(recipe.method) }),
    objective: objectiveView(recipe?.objective),
    ...(foreign === undefined ? {} : { foreign }),
    ...(problem === undefined ? {} : { problem }),
    hasOutput: run.hasAdapter || run.hasModel,
    hasCheckpoint: run.hasCheckpoint,
  };
}
