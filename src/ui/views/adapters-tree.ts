import path from "node:path";
import * as vscode from "vscode";
import { formatBytes, formatCount } from "../../util/format.ts";
import type { AdapterCatalog, AdapterEntry } from "../catalogs/adapter-catalog.ts";
import { shortPaths } from "../short-paths.ts";
import { factsTooltip } from "./markdown.ts";
import type { AdapterRow } from "./rows.ts";

export class AdaptersTree implements vscode.TreeDataProvider<AdapterRow> {
  readonly #catalog: AdapterCatalog;
  readonly onDidChangeTreeData: vscode.Event<void>;

  constructor(catalog: AdapterCatalog) {
    this.#catalog = catalog;
    this.onDidChangeTreeData = catalog.onDidChange;
  }

  async getChildren(row?: AdapterRow): Promise<AdapterRow[]> {
    if (row !== undefined) return [];
    const adapters = await this.#catalog.entries();
    return adapters.map((adapter) => ({ kind: "adapter", adapter }));
  }

  getTreeItem({ adapter }: AdapterRow): vscode.TreeItem {
    const item = new vscode.TreeItem(adapter.label);
    const description = describeAdapter(adapter);
    item.id = adapter.path;
    item.description = description;
    item.iconPath = adapter.summary
      ? new vscode.ThemeIcon("extensions")
      : new vscode.ThemeIcon("warning", new vscode.ThemeColor("list.warningForeground"));
    item.contextValue = [
      "adapter",
      ...(adapter.summary ? ["usable"] : []),
      ...(adapter.runDir === undefined ? [] : ["fromRun"]),
    ].join(" ");
    item.tooltip = adapterTooltip(adapter);
    item.accessibilityInformation = { label: `${adapter.label}, ${description}` };
    return item;
  }
}

/** "LoRA r=8 · SmolLM2-135M · 2.44M" */
export function describeAdapter(adapter: AdapterEntry): string {
  const { path: place, summary, problem, basePath } = adapter;
  if (summary === undefined) return problem?.replaceAll(place + path.sep, "") ?? "";
  const base = basePath ?? summary.base;
  return [
    summary.rank === undefined ? summary.method : `${summary.method} r=${summary.rank}`,
    ...(base === undefined ? [] : [path.basename(base)]),
    formatCount(summary.parameters),
  ].join(" · ");
}

function adapterTooltip(adapter: AdapterEntry): vscode.MarkdownString {
  const { summary } = adapter;
  return factsTooltip(adapter.label, [
    ["Problem", shortPaths(adapter.problem ?? "")],
    ["Method", summary?.method],
    ["Rank", summary?.rank?.toString()],
    ["Alpha", summary?.alpha?.toString()],
    ["Positions", summary?.positions],
    ["Virtual tokens", summary?.virtualTokens?.toString()],
    ["Parameters", summary && formatCount(summary.parameters)],
    ["Size on disk", summary && formatBytes(summary.bytes)],
    ["Base model", adapter.basePath ?? summary?.base],
    ["Made by run", adapter.runName],
    ["Path", adapter.path],
  ]);
}
