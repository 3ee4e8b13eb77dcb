import path from "node:path";
import * as vscode from "vscode";
import { answeringOf } from "../answering.ts";
import { formatBytes, formatCount, formatShape } from "../../util/format.ts";
import type { ModelCatalog, ModelEntry } from "../catalogs/model-catalog.ts";
import { storedBlockOf } from "../../families/stored-blocks.ts";
import { groupTensors } from "../catalogs/tensor-groups.ts";
import { shortPaths } from "../short-paths.ts";
import { describeModel } from "./entry-text.ts";
import { factsTooltip } from "./markdown.ts";
import type { LayerRow, ModelRow, TensorLeaf } from "./rows.ts";
import { elementCount } from "../../util/element-count.ts";

type Row = ModelRow | LayerRow | TensorLeaf;

/** VS Code asks for rows when the view is first shown, and only then is anything searched. */
export class ModelsTree implements vscode.TreeDataProvider<Row> {
  readonly #catalog: ModelCatalog;
  readonly onDidChangeTreeData: vscode.Event<void>;

  constructor(catalog: ModelCatalog) {
    this.#catalog = catalog;
    this.onDidChangeTreeData = catalog.onDidChange;
  }

  async getChildren(row?: Row): Promise<Row[]> {
    if (row === undefined) {
      const models = await this.#catalog.entries();
      return models.map((model) => ({ kind: "model", model }));
    }
    const { model } = row;
    const leaf = (tensor: TensorLeaf["tensor"]): TensorLeaf => ({ kind: "tensor", model, tensor });
    if (row.kind === "layer") return row.group.tensors.map(leaf);
    if (row.kind === "tensor") return [];
    const { loose, layers } = groupTensors(
      model.summary?.tensors ?? [],
      storedBlockOf(model.summary?.modelType),
    );
    return [...loose.map(leaf), ...layers.map((group): Row => ({ kind: "layer", model, group }))];
  }

  getTreeItem(row: Row): vscode.TreeItem {
    switch (row.kind) {
      case "model":
        return modelItem(row.model);
      case "layer":
        return layerItem(row);
      case "tensor":
        return tensorItem(row);
    }
  }
}

function modelItem(model: ModelEntry): vscode.TreeItem {
  const { Collapsed, None } = vscode.TreeItemCollapsibleState;
  const item = new vscode.TreeItem(model.label, model.summary ? Collapsed : None);
  const description = describeModel(model);
  item.id = model.path;
  item.description = description;
  item.iconPath = model.summary
    ? new vscode.ThemeIcon(model.source === "cache" ? "cloud-download" : "package")
    : new vscode.ThemeIcon("warning", new vscode.ThemeColor("list.warningForeground"));
  item.contextValue = [
    "model",
    ...(model.summary ? ["usable", answeringOf(model.summary)] : []),
    ...(model.modelFolder === undefined ? [] : ["added"]),
  ].join(" ");
  item.tooltip = modelTooltip(model);
  item.accessibilityInformation = { label: `${model.label}, ${description}` };
  return item;
}

const SOURCES: Record<ModelEntry["source"], string> = {
  workspace: "this workspace",
  folder: "added folder",
  cache: "Hugging Face cache",
};

function modelTooltip(model: ModelEntry): vscode.MarkdownString {
  const { summary, problem } = model;
  return factsTooltip(model.label, [
    ["Problem", shortPaths(problem ?? "")],
    ["Architecture", summary?.modelType],
    ["Parameters", summary && `${formatCount(summary.parameters)} (${summary.parameters})`],
    ["Labels", summary?.labels?.toString()],
    ["Number format", summary?.dtype],
    ["Size on disk", summary && formatBytes(summary.bytes)],
    ["Tensors", summary && String(summary.tensors.length)],
    ["Found in", SOURCES[model.source]],
    ["Path", model.path],
  ]);
}

function layerItem({ model, group }: LayerRow): vscode.TreeItem {
  const item = new vscode.TreeItem(group.prefix, vscode.TreeItemCollapsibleState.Collapsed);
  item.id = `${model.path}${path.delimiter}${group.prefix}`;
  item.description = `${formatCount(group.parameters)} · ${group.tensors.length} tensors`;
  item.iconPath = new vscode.ThemeIcon("layers");
  item.contextValue = "layer";
  return item;
}

function tensorItem({ model, tensor }: TensorLeaf): vscode.TreeItem {
  const item = new vscode.TreeItem(tensor.label);
  const count = elementCount(tensor.shape);
  item.id = `${model.path}${path.delimiter}${tensor.name}`;
  // Nearly all tensors have the model's own number format: only another one is worth the room.
  const isUsual = tensor.dtype === model.summary?.dtype;
  item.description = formatShape(tensor.shape) + (isUsual ? "" : ` · ${tensor.dtype}`);
  item.iconPath = new vscode.ThemeIcon("symbol-array");
  item.contextValue = "tensor";
  item.tooltip = factsTooltip(tensor.name, [
    ["Shape", formatShape(tensor.shape)],
    ["Number format", tensor.dtype],
    ["Parameters", formatCount(count)],
  ]);
  item.accessibilityInformation = {
    label: `${tensor.name}, shape ${tensor.shape.join(" by ")}, ${tensor.dtype}`,
  };
  return item;
}
