import path from "node:path";
import * as vscode from "vscode";
import { answeringOf } from "../answering.ts";
import { formatBytes, formatCount, shortenMiddle } from "../../util/format.ts";
import type { AdapterCatalog, AdapterEntry } from "../catalogs/adapter-catalog.ts";
import { shortPaths } from "../short-paths.ts";
import { adapterRowText } from "./entry-text.ts";
import { factsTooltip } from "./markdown.ts";
import type { AdapterGroupRow, AdapterRow } from "./rows.ts";

/** What a side bar of default width shows beside a method, a figure and a time. */
const MAX_NAME_CHARS = 20;

type Row = AdapterGroupRow | AdapterRow;

/** Adapters by the base that they belong to; the group with the newest one first, the newest first in each. */
export class AdaptersTree implements vscode.TreeDataProvider<Row> {
  readonly #catalog: AdapterCatalog;
  readonly onDidChangeTreeData: vscode.Event<void>;

  constructor(catalog: AdapterCatalog) {
    this.#catalog = catalog;
    this.onDidChangeTreeData = catalog.onDidChange;
  }

  async getChildren(row?: Row): Promise<Row[]> {
    if (row?.kind === "adapterGroup") {
      return row.adapters.map((adapter) => ({ kind: "adapter", adapter }));
    }
    if (row !== undefined) return [];
    const groups = new Map<string, AdapterEntry[]>();
    for (const adapter of await this.#catalog.entries()) {
      const { base = "" } = adapter;
      groups.set(base, [...(groups.get(base) ?? []), adapter]);
    }
    return [...groups].map(([base, adapters]) => ({ kind: "adapterGroup", base, adapters }));
  }

  getTreeItem(row: Row): vscode.TreeItem {
    return row.kind === "adapterGroup" ? groupItem(row) : adapterItem(row.adapter);
  }
}

function groupItem({ base, adapters }: AdapterGroupRow): vscode.TreeItem {
  const label = base === "" ? "Base not named" : path.basename(base);
  const item = new vscode.TreeItem(label, vscode.TreeItemCollapsibleState.Expanded);
  item.id = `base:${base}`;
  item.description = String(adapters.length);
  item.contextValue = "adapterGroup";
  item.tooltip = factsTooltip(label, [["Base model", base]]);
  return item;
}

function adapterItem(adapter: AdapterEntry): vscode.TreeItem {
  const item = new vscode.TreeItem(shortenMiddle(adapter.label, MAX_NAME_CHARS));
  const description = adapterRowText(adapter);
  item.id = adapter.path;
  item.description = description;
  item.iconPath = adapter.summary
    ? new vscode.ThemeIcon("extensions")
    : new vscode.ThemeIcon("warning", new vscode.ThemeColor("list.warningForeground"));
  item.contextValue = [
    "adapter",
    ...(adapter.summary ? ["usable", answeringOf(adapter.summary)] : []),
    ...(adapter.runDir === undefined ? [] : ["fromRun"]),
  ].join(" ");
  item.tooltip = adapterTooltip(adapter);
  item.accessibilityInformation = { label: `${adapter.label}, ${description}` };
  return item;
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
    ["Labels", summary?.labels?.toString()],
    ["Parameters", summary && formatCount(summary.parameters)],
    ["Size on disk", summary && formatBytes(summary.bytes)],
    ["Base model", adapter.base],
    ["Made", new Date(adapter.madeAt).toLocaleString()],
    ["Made by run", adapter.runName],
    ["Path", adapter.path],
  ]);
}
