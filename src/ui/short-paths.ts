/** Messages name files by absolute path: what lies in the open folder reads better without it. */
import path from "node:path";
import * as vscode from "vscode";

/** "/home/me/project/data/train.jsonl:2: …" → "data/train.jsonl:2: …" */
export function shortPaths(text: string): string {
  const folders = vscode.workspace.workspaceFolders ?? [];
  const local = folders.filter((folder) => folder.uri.scheme === "file");
  return local.reduce(
    (shorter, folder) => shorter.replaceAll(folder.uri.fsPath + path.sep, ""),
    text,
  );
}
