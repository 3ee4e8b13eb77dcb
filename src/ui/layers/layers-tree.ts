/** The view "Layers": rows with checkboxes, and above them what the choice comes to. */
import * as vscode from "vscode";
import { headObjectives } from "../../protocol/objectives.ts";
import { errorMessage } from "../../util/errors.ts";
import { formatCount, formatDuration, formatShape } from "../../util/format.ts";
import type { App } from "../app.ts";
import { COMMANDS, VIEWS } from "../command-ids.ts";
import { sayError } from "../say.ts";
import { shortPaths } from "../short-paths.ts";
import { factsTooltip } from "../views/markdown.ts";
import type { Forecast } from "../../engines/engine.ts";
import { costText, trainableText } from "./figures.ts";
import type { LayerEditor, Layers } from "./layer-editor.ts";
import type { LayerMeasure, MeasureState } from "./layer-measure.ts";
import { type LayerNode, trainedIn } from "./layer-nodes.ts";

/** The row above the layers that measures, and says what came of it. */
const COST = "cost";
/** The row of a head that labels rows: it is trained whatever is ticked, so it has no box. */
const NEW_HEAD = "new-head";
type Row = LayerNode | typeof COST | typeof NEW_HEAD;

const WARNING = new vscode.ThemeIcon("warning", new vscode.ThemeColor("list.warningForeground"));

export class LayersTree implements vscode.TreeDataProvider<Row>, vscode.Disposable {
  readonly #editor: LayerEditor;
  readonly #measure: LayerMeasure;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChangeTreeData = this.#changed.event;
  readonly #subscriptions: vscode.Disposable[];

  constructor(editor: LayerEditor, measure: LayerMeasure) {
    this.#editor = editor;
    this.#measure = measure;
    const redraw = () => this.#changed.fire();
    this.#subscriptions = [editor.onDidChange(redraw), measure.onDidChange(redraw)];
  }

  getChildren(row?: Row): Row[] {
    if (row !== undefined) return isLayer(row) ? [...row.children] : [];
    const { layers } = this.#editor;
    if (layers === undefined) return [];
    return [COST, ...layers.nodes, ...(layers.labelsRows ? ([NEW_HEAD] as const) : [])];
  }

  getTreeItem(row: Row): vscode.TreeItem {
    if (row === COST) return costItem(this.#measure.state);
    if (row === NEW_HEAD) return newHeadItem();
    return nodeItem(row, this.#editor.layers?.trained ?? new Set());
  }

  dispose(): void {
    for (const subscription of [...this.#subscriptions, this.#changed]) subscription.dispose();
  }
}

export function registerLayersView(app: App): vscode.Disposable {
  const { layers: editor, layerMeasure: measure } = app;
  const tree = new LayersTree(editor, measure);
  const view = vscode.window.createTreeView<Row>(VIEWS.layers, {
    treeDataProvider: tree,
    showCollapseAll: true,
    // VS Code would tick a row of several children only when all of them are.
    manageCheckboxStateManually: true,
  });
  const show = () => showFigures(view, editor.layers, measure.state);
  return vscode.Disposable.from(
    tree,
    view,
    editor.onDidChange(show),
    // The view goes with its container: what was beside it comes back.
    editor.onDidChange(() => {
      if (editor.layers !== undefined || !view.visible) return;
      void vscode.commands.executeCommand("workbench.view.extension.retune");
    }),
    measure.onDidChange(show),
    view.onDidChangeCheckboxState(({ items }) => {
      const { Checked } = vscode.TreeItemCheckboxState;
      const changes = items.flatMap(([row, state]) =>
        isLayer(row) ? [[row, state === Checked] as const] : [],
      );
      void editor.tickAll(changes).catch((error: unknown) => {
        app.log.error(error instanceof Error ? error : String(error));
        void sayError(errorMessage(error));
      });
    }),
  );
}

function showFigures(
  view: Pick<vscode.TreeView<Row>, "title" | "message">,
  layers: Layers | undefined,
  state: MeasureState,
): void {
  // Its container has this one view, and shows the view's title alone.
  view.title = layers === undefined ? "Layers" : `Layers of ${layers.name}`;
  // No message is undefined, which the type does not say.
  view.message = layers === undefined ? "" : messageOf(layers, state);
}

/** "12.3M of 135M trainable (9.1 %) · 1.2 GB · 0.9 s a step" */
export function messageOf(layers: Layers, state: MeasureState): string {
  const { problem, trained, labelsRows, kind } = layers;
  if (problem !== undefined) return problem;
  const isProbe = labelsRows && kind === "tensors";
  if (trained.size === 0 && !isProbe) {
    return "Nothing is ticked: a run of this recipe would train nothing.";
  }
  switch (state.kind) {
    case "never":
      return chosenText(layers);
    case "running":
      return `${chosenText(layers)} · measuring…`;
    case "failed":
      return `${chosenText(layers)} · not measured`;
    case "measured": {
      const { trainableParameters, totalParameters } = state.figures;
      const share = trainableText(trainableParameters, totalParameters);
      // A line breaks between figures, not between a number and its unit.
      const cost = costText(state.figures).replaceAll(/(?<!·) (?!·)/gu, "\u00a0");
      return `${share} · ${cost}`;
    }
  }
}

/** What is ticked, and the head that no box is for: its size is the labels', which the data names. */
function chosenText(layers: Layers): string {
  if (!layers.labelsRows) return tickedText(layers);
  if (layers.trained.size === 0) return "The new head alone: a linear probe";
  return `${tickedText(layers)}, and the new head`;
}

/** How many parameters an adapter has depends on its method: the measurement counts them. */
function tickedText({ kind, tensors, nodes, trained, totalParameters }: Layers): string {
  const chosen = tensors.filter(({ name }) => trained.has(name));
  switch (kind) {
    case "tensors": {
      const sum = chosen.reduce((total, { parameters }) => total + parameters, 0);
      return trainableText(sum, totalParameters);
    }
    case "sites":
      return `Adapter on ${chosen.length} of ${tensors.length} layers`;
    case "blocks": {
      const edited = nodes.filter((node) => trainedIn(node, trained) > 0);
      return `Edits ${edited.length} of ${nodes.length} blocks`;
    }
  }
}

function isLayer(row: Row): row is LayerNode {
  return typeof row === "object";
}

function newHeadItem(): vscode.TreeItem {
  const item = new vscode.TreeItem("Head");
  item.id = NEW_HEAD;
  item.description = "new, always trained";
  item.iconPath = new vscode.ThemeIcon("lock");
  item.tooltip = `Objective ${headObjectives()} puts a new head, score, in the place of the model's own and trains it beside whatever is ticked.`;
  return item;
}

function costItem(state: MeasureState): vscode.TreeItem {
  const item = new vscode.TreeItem("");
  item.id = COST;
  item.command = { command: COMMANDS.measureLayers, title: "Measure" };
  item.iconPath = new vscode.ThemeIcon("dashboard");
  switch (state.kind) {
    case "never":
      item.label = "Measure memory and step time";
      item.tooltip = "Tries this recipe in a process of its own.";
      break;
    case "running":
      item.label = "Measuring…";
      item.iconPath = new vscode.ThemeIcon("loading~spin");
      break;
    case "measured":
      item.label = "Measured";
      item.description = wholeRunText(state.figures);
      item.tooltip = measuredTooltip(state.figures);
      if (state.figures.fits === false) item.iconPath = WARNING;
      break;
    case "failed":
      item.label = "Not measured";
      item.description = shortPaths(state.problem);
      item.tooltip = shortPaths(state.problem);
      item.iconPath = WARNING;
      break;
  }
  return item;
}

function wholeRunText({ totalSeconds }: Forecast): string {
  return totalSeconds === undefined
    ? ""
    : `whole run ${totalSeconds < 1 ? "" : "about "}${formatDuration(1000 * totalSeconds)}`;
}

function measuredTooltip(figures: Forecast): string {
  return `Predicted peak memory and time on this machine: ${costText(figures)}. Click to measure again.`;
}

function nodeItem(node: LayerNode, trained: ReadonlySet<string>): vscode.TreeItem {
  const { Collapsed, None } = vscode.TreeItemCollapsibleState;
  const item = new vscode.TreeItem(node.label, node.children.length > 0 ? Collapsed : None);
  const count = trainedIn(node, trained);
  const all = node.tensors.length;
  const { Checked, Unchecked } = vscode.TreeItemCheckboxState;
  const isTicked = count === all;
  item.id = node.id;
  const state = isTicked ? "Trained" : count > 0 ? "Trained in part" : "Frozen";
  item.checkboxState = {
    state: isTicked ? Checked : Unchecked,
    tooltip: state,
    // A screen reader reaches the box without its row.
    accessibilityInformation: { label: `Train ${node.id.replaceAll("/", ", ")}: ${state}` },
  };
  item.description = descriptionOf(node, count);
  item.contextValue = "layerNode";
  const [tensor] = node.tensors;
  item.tooltip =
    all === 1 && tensor
      ? factsTooltip(tensor.name, [
          ["Shape", formatShape(tensor.shape)],
          ["Parameters", formatCount(tensor.parameters)],
        ])
      : factsTooltip(node.id.replace("/", " · "), [
          ["Trained", `${count} of ${all} tensors`],
          ["Parameters", formatCount(node.parameters)],
        ]);
  item.accessibilityInformation = { label: `${node.label}, ${item.description}` };
  return item;
}

/** VS Code has no third state of a checkbox, so what is ticked in part says so. */
function descriptionOf({ tensors, parameters }: LayerNode, count: number): string {
  const [tensor] = tensors;
  if (tensors.length === 1 && tensor) return formatShape(tensor.shape);
  if (count > 0 && count < tensors.length) return `${count} of ${tensors.length} trained`;
  return formatCount(parameters);
}
