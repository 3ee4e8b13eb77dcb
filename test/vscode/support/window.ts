import path from "node:path";
import * as vscode from "vscode";
import { until } from "./until.ts";

export async function closeEverything(): Promise<void> {
  await vscode.commands.executeCommand("workbench.action.closeAllEditors");
}

/** The open tab with this label. */
export async function tabNamed(label: string | RegExp): Promise<vscode.Tab> {
  const fits = (tab: vscode.Tab) =>
    typeof label === "string" ? tab.label === label : label.test(tab.label);
  const tabs = () => vscode.window.tabGroups.all.flatMap((group) => group.tabs);
  return until(() => tabs().find(fits), {
    what: () => `a tab ${label}; open: ${tabs().map((tab) => tab.label)}`,
  });
}

export function isWebview(tab: vscode.Tab, viewType: string): boolean {
  // VS Code puts a prefix of its own before the type.
  return tab.input instanceof vscode.TabInputWebview && tab.input.viewType.endsWith(viewType);
}

export async function activeFile(name: string): Promise<vscode.TextDocument> {
  return until(
    () => {
      const document = vscode.window.activeTextEditor?.document;
      return document && path.basename(document.uri.fsPath) === name ? document : undefined;
    },
    { what: () => `${name} in the active editor` },
  );
}
