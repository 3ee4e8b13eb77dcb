import * as vscode from "vscode";
import type { Run } from "../../run-folder/run.ts";
import { isActive } from "../../runs/run-status.ts";
import type { RunStore } from "../../runs/run-store.ts";
import type { InterpolationStore } from "../../runs/interpolations/interpolation-store.ts";
import type { EvaluationCatalog } from "../catalogs/evaluation-catalog.ts";
import { COMMANDS } from "../command-ids.ts";
import { headlineOf, progressOf, runRowText, stepText } from "../run-text.ts";
import { methodText } from "../../protocol/methods.ts";
import { formatCount, formatDuration, formatLoss, shortenMiddle } from "../../util/format.ts";
import { shortPaths } from "../short-paths.ts";
import { runAbilities } from "./abilities.ts";
import { factsTooltip } from "./markdown.ts";
import { evaluationItem } from "./evaluation-item.ts";
import type {
  EvaluationGroupRow,
  EvaluationRow,
  RunGroupRow,
  RunRow,
  InterpolationGroupRow,
  InterpolationRow,
} from "./rows.ts";
import { interpolationItem } from "./interpolation-item.ts";

/**
 * A running trainer writes several times a second; the eye does not need more than this, and a row
 * that is drawn anew loses its tooltip.
 */
const REDRAW_INTERVAL_MS = 2_000;
/** A new state changes what can be done with a run: its buttons must not lag behind. */
const NEW_STATE_DELAY_MS = 100;

/** In the order of the view; a run is in one. */
const GROUPS: readonly { label: string; holds: (run: Run) => boolean }[] = [
  { label: "Active", holds: ({ status }) => isActive(status) },
  { label: "Finished", holds: ({ status }) => status === "finished" },
  { label: "Stopped", holds: ({ status }) => status === "stopped" || status === "interrupted" },
  { label: "Failed", holds: ({ status }) => status === "failed" },
];

/** What a side bar of default width shows beside a figure, a method and a time. */
const MAX_NAME_CHARS = 20;

type Row =
  | RunGroupRow
  | RunRow
  | InterpolationGroupRow
  | InterpolationRow
  | EvaluationGroupRow
  | EvaluationRow;

/** What the view shows; it changes when one of them does. */
interface Shown {
  store: RunStore;
  interpolations: InterpolationStore;
  evaluations: EvaluationCatalog;
}

export class RunsTree implements vscode.TreeDataProvider<Row> {
  readonly #changed = new vscode.EventEmitter<Row[] | undefined>();
  readonly onDidChangeTreeData = this.#changed.event;
  readonly #store: RunStore;
  readonly #interpolations: InterpolationStore;
  readonly #evaluations: EvaluationCatalog;
  readonly #ready: () => Promise<void>;
  readonly #subscriptions: vscode.Disposable[];
  /** Rows are kept, so that one can be drawn anew without the others. */
  readonly #rows = new Map<string, RunRow>();
  readonly #shown = new Map<string, string>();
  readonly #stale = new Set<RunRow>();
  #whole: NodeJS.Timeout | undefined;
  #progress: NodeJS.Timeout | undefined;

  /** @param ready settles when the store has been filled: until then "no run" is not known */
  constructor({ store, interpolations, evaluations }: Shown, ready = () => Promise.resolve()) {
    this.#store = store;
    this.#interpolations = interpolations;
    this.#evaluations = evaluations;
    this.#ready = ready;
    const ofInterpolations = interpolations.onDidChangeItem(({ type }) => {
      // They change every few seconds, a point at a time.
      if (type !== "log") this.#redrawSoon();
    });
    const ofRuns = store.onDidChange(({ type, run }) => {
      if (type === "metrics" || type === "log") return;
      const state = type === "removed" ? type : `${run.status} ${run.hasAdapter || run.hasModel}`;
      const isNew = this.#shown.get(run.dir) !== state;
      this.#shown.set(run.dir, state);
      if (type === "removed") this.#rows.delete(run.dir);
      const row = this.#rows.get(run.dir);
      if (isNew || row === undefined) return this.#redrawSoon();
      row.run = run;
      this.#redrawRowSoon(row);
    });
    const ofEvaluations = evaluations.onDidChange(() => this.#redrawSoon());
    this.#subscriptions = [ofRuns, ofInterpolations, ofEvaluations];
  }

  async getChildren(row?: Row): Promise<Row[]> {
    if (row?.kind === "runGroup") {
      return row.runs.map((run) => this.#rowOf(run));
    }
    if (row?.kind === "interpolationGroup") {
      return row.interpolations.map((interpolation): InterpolationRow => ({
        kind: "interpolation",
        interpolationDir: interpolation.dir,
        interpolation,
      }));
    }
    if (row?.kind === "evaluationGroup") {
      return row.evaluations.map((evaluation) => ({ kind: "evaluation", evaluation }));
    }
    if (row !== undefined) return [];
    await this.#ready().catch(() => undefined);
    const evaluations = await this.#evaluations.entries();
    // What is returned now is what a redraw would show. VS Code forgets its rows at a redraw, and a
    // click that comes meanwhile is a command without a run.
    clearTimeout(this.#whole);
    this.#whole = undefined;
    const runs = this.#store.runs();
    const groups = GROUPS.map(({ label, holds }): RunGroupRow => ({
      kind: "runGroup",
      label,
      runs: runs.filter(holds),
    }));
    const interpolations = this.#interpolations.items();
    return [
      ...groups.filter((group) => group.runs.length > 0),
      ...(interpolations.length > 0
        ? [{ kind: "interpolationGroup", interpolations } satisfies InterpolationGroupRow]
        : []),
      ...(evaluations.length > 0
        ? [{ kind: "evaluationGroup", evaluations } satisfies EvaluationGroupRow]
        : []),
    ];
  }

  getTreeItem(row: Row): vscode.TreeItem {
    switch (row.kind) {
      case "run":
        return runItem(row.run);
      case "interpolation":
        return interpolationItem(row.interpolation);
      case "runGroup":
        return groupItem(row.label, row.runs.length, row.kind);
      case "interpolationGroup":
        return groupItem("Interpolations", row.interpolations.length, row.kind);
      case "evaluation":
        return evaluationItem(row.evaluation);
      case "evaluationGroup":
        return groupItem("Evaluations", row.evaluations.length, row.kind);
    }
  }

  dispose(): void {
    clearTimeout(this.#whole);
    clearTimeout(this.#progress);
    for (const subscription of this.#subscriptions) subscription.dispose();
    this.#changed.dispose();
  }

  #rowOf(run: Run): RunRow {
    const known = this.#rows.get(run.dir);
    if (known === undefined) {
      const row: RunRow = { kind: "run", runDir: run.dir, run };
      this.#rows.set(run.dir, row);
      return row;
    }
    known.run = run;
    return known;
  }

  #redrawSoon(): void {
    this.#whole ??= setTimeout(() => {
      this.#whole = undefined;
      this.#changed.fire(undefined);
    }, NEW_STATE_DELAY_MS);
  }

  #redrawRowSoon(row: RunRow): void {
    this.#stale.add(row);
    this.#progress ??= setTimeout(() => {
      this.#progress = undefined;
      this.#changed.fire([...this.#stale]);
      this.#stale.clear();
    }, REDRAW_INTERVAL_MS);
  }
}

function groupItem(label: string, count: number, contextValue: string): vscode.TreeItem {
  const item = new vscode.TreeItem(label, vscode.TreeItemCollapsibleState.Expanded);
  item.id = `group:${label}`;
  item.description = String(count);
  item.contextValue = contextValue;
  return item;
}

function runItem(run: Run): vscode.TreeItem {
  const item = new vscode.TreeItem(shortenMiddle(run.name, MAX_NAME_CHARS));
  const description = shortPaths(runRowText(run));
  item.id = run.dir;
  item.description = description;
  item.iconPath = runIcon(run);
  item.contextValue = ["run", ...runAbilities(run)].join(" ");
  item.tooltip = runTooltip(run);
  item.accessibilityInformation = { label: `${run.name}, ${run.status}, ${description}` };
  item.command = { command: COMMANDS.openRun, title: "Open Run", arguments: [run.dir] };
  return item;
}

function runIcon(run: Run): vscode.ThemeIcon {
  const icon = (id: string, color?: string) =>
    new vscode.ThemeIcon(id, color === undefined ? undefined : new vscode.ThemeColor(color));
  if (run.problem !== undefined) return icon("warning", "list.warningForeground");
  switch (run.status) {
    case "queued":
      return icon("clock", "descriptionForeground");
    case "starting":
    case "running":
      return icon("sync~spin", "charts.blue");
    case "stopping":
      return icon("loading~spin", "charts.yellow");
    case "finished":
      return icon("pass-filled", "testing.iconPassed");
    case "stopped":
      return icon("stop-circle", "descriptionForeground");
    case "interrupted":
      return icon("debug-disconnect", "list.warningForeground");
    case "failed":
      return icon("error", "testing.iconFailed");
  }
}

function runTooltip(run: Run): vscode.MarkdownString {
  const { state } = run;
  const headline = headlineOf(state);
  const loss = (value: number | undefined) => (value === undefined ? undefined : formatLoss(value));
  return factsTooltip(run.name, [
    ["State", run.status],
    ["Problem", shortPaths(run.problem ?? state?.message ?? "")],
    ["Not resumed here", run.foreign?.reason],
    ["Step", state && `${stepText(run)} (${Math.round(100 * progressOf(run))} %)`],
    ["Loss", loss(state?.loss)],
    ["Eval loss", loss(state?.evalLoss)],
    [headline?.label ?? "", headline?.value],
    ["Best eval loss", bestEvalText(state)],
    ...methodFacts(run),
    ["Trained", trainedText(state)],
    ...originFacts(run),
    ["Created", state && new Date(state.createdAt).toLocaleString()],
    ["Trained for", state?.elapsedMs === undefined ? undefined : formatDuration(state.elapsedMs)],
    ["Folder", run.dir],
  ]);
}

type Fact = [name: string, value: string | undefined];

function methodFacts({ recipe, foreign }: Run): Fact[] {
  if (recipe) return [["Method", methodText(recipe.method)]];
  return [
    ["Method", foreign?.method],
    ["Engine", foreign?.engine],
  ];
}

function originFacts({ recipe, foreign }: Run): Fact[] {
  const shown = recipe ?? foreign;
  return [
    ["Base model", shown?.base],
    ["Data", shown?.data?.train],
  ];
}

function bestEvalText(state: Run["state"]): string | undefined {
  const { bestEvalLoss, bestStep } = state ?? {};
  if (bestEvalLoss === undefined) return undefined;
  const at = bestStep === undefined ? "" : ` at step ${bestStep}`;
  return `${formatLoss(bestEvalLoss)}${at}`;
}

function trainedText(state: Run["state"]): string | undefined {
  const { trainableParameters: trained, totalParameters: total } = state ?? {};
  if (!trained) return undefined;
  const share = total ? ` (${((100 * trained) / total).toPrecision(2)} %)` : "";
  return `${formatCount(trained)} parameters${share}`;
}
