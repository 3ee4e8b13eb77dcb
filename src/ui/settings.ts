/** Retune's settings, as package.json contributes them. */
import * as vscode from "vscode";

const SECTION = "retune";
const MODEL_FOLDERS = "modelFolders";
const OPENVINO_FOLDER = "openvinoFolder";

function configuration(): vscode.WorkspaceConfiguration {
  return vscode.workspace.getConfiguration(SECTION);
}

export function modelFolders(): readonly string[] {
  const value = configuration().get<unknown>(MODEL_FOLDERS);
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

export async function setModelFolders(folders: readonly string[]): Promise<void> {
  await configuration().update(MODEL_FOLDERS, folders, vscode.ConfigurationTarget.Global);
}

export function searchesHuggingFaceCache(): boolean {
  return configuration().get<boolean>("searchHuggingFaceCache") ?? true;
}

/** Empty when none is named. */
export function openvinoFolder(): string {
  return configuration().get<string>(OPENVINO_FOLDER)?.trim() ?? "";
}

export function onDidChangeOpenvinoFolder(listener: () => void): vscode.Disposable {
  return vscode.workspace.onDidChangeConfiguration((event) => {
    if (event.affectsConfiguration(`${SECTION}.${OPENVINO_FOLDER}`)) listener();
  });
}

export function maxParallelRuns(): number {
  return configuration().get<number>("maxParallelRuns") ?? 1;
}

/** Called when what the model trees search has changed. */
export function onDidChangeModelSettings(listener: () => void): vscode.Disposable {
  return vscode.workspace.onDidChangeConfiguration((event) => {
    const isOurs = [MODEL_FOLDERS, "searchHuggingFaceCache"].some((key) =>
      event.affectsConfiguration(`${SECTION}.${key}`),
    );
    if (isOurs) listener();
  });
}
