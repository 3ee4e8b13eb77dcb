import * as vscode from "vscode";
import type { App } from "../app.ts";
import { describeModel } from "../views/models-tree.ts";
import { asRow } from "../views/rows.ts";
import { pickPath } from "./pick-path.ts";

/** The base model that a command's argument names. */
export function baseOf(argument: unknown): string | undefined {
  const row = asRow(argument);
  return row?.kind === "model" ? row.model.path : undefined;
}

interface Item extends vscode.QuickPickItem {
  path?: string;
  browse?: "folder" | "file";
}

/** A base model's path, picked among those found or from disk; undefined when cancelled. */
export async function pickBase(app: App, title: string): Promise<string | undefined> {
  const items = app.models.entries().then((models): Item[] => [
    ...models
      .filter((model) => model.summary !== undefined)
      .map((model) => ({
        label: model.label,
        description: describeModel(model),
        detail: vscode.workspace.asRelativePath(model.path),
        path: model.path,
      })),
    { label: "Elsewhere", kind: vscode.QuickPickItemKind.Separator },
    {
      label: "$(folder-opened) Browse for a model folder…",
      description: "config.json and .safetensors",
      browse: "folder",
      alwaysShow: true,
    },
    { label: "$(file) Browse for a .gguf file…", browse: "file", alwaysShow: true },
  ]);
  const placeHolder = "Which base model?";
  const options = { title, placeHolder, matchOnDescription: true, matchOnDetail: true };
  const chosen = await vscode.window.showQuickPick(items, options);
  if (chosen?.browse === undefined) return chosen?.path;
  return pickPath({
    title: "Base model",
    openLabel: "Use as Base Model",
    ...(chosen.browse === "folder"
      ? { folders: true }
      : { folders: false, filters: { GGUF: ["gguf"] } }),
  });
}
