import * as vscode from "vscode";

export interface PathQuestion {
  title: string;
  openLabel: string;
  folders: boolean;
  filters?: Record<string, string[]>;
}

/** One file or folder from the system's dialog; undefined when cancelled. */
export async function pickPath(question: PathQuestion): Promise<string | undefined> {
  const start = vscode.workspace.workspaceFolders?.[0]?.uri;
  const [uri] =
    (await vscode.window.showOpenDialog({
      title: question.title,
      openLabel: question.openLabel,
      canSelectFolders: question.folders,
      canSelectFiles: !question.folders,
      ...(question.filters ? { filters: question.filters } : {}),
      ...(start ? { defaultUri: start } : {}),
    })) ?? [];
  return uri?.fsPath;
}
