import * as vscode from "vscode";
import type { App } from "../app.ts";
import type { Choices } from "../ask/question.ts";
import type { Wizard } from "../ask/wizard.ts";
import { describeModel } from "../views/entry-text.ts";
import { asRow } from "../views/rows.ts";
import { type PathQuestion, pickPath } from "./pick-path.ts";
import { offeredFiles } from "../../bases/references.ts";

/** The base model that a command's argument names. */
export function baseOf(argument: unknown): string | undefined {
  const row = asRow(argument);
  return row?.kind === "model" ? row.model.path : undefined;
}

/** A base model's path, picked among those found or from disk. */
export function pickBase(
  app: App,
  wizard: Wizard,
  placeHolder = "Which base model?",
): Promise<string> {
  return wizard.pick({ placeHolder, choices: () => basesOf(app) });
}

async function basesOf(app: App): Promise<Choices<string>> {
  const models = await app.models.entries();
  return [
    ...models
      .filter((model) => model.summary !== undefined)
      .map((model) => ({
        label: model.label,
        description: describeModel(model),
        detail: vscode.workspace.asRelativePath(model.path),
        value: model.path,
      })),
    { heading: "Elsewhere" },
    {
      label: "Browse for a model folder…",
      icon: "folder-opened",
      description: "config.json and .safetensors",
      alwaysShow: true,
      value: () => browse({ folders: true }),
    },
    ...offeredFiles().map(({ extension, title }) => ({
      label: `Browse for a .${extension} file…`,
      icon: "file",
      alwaysShow: true,
      value: () => browse({ folders: false, filters: { [title]: [extension] } }),
    })),
  ];
}

function browse(what: Pick<PathQuestion, "folders" | "filters">): Promise<string | undefined> {
  return pickPath({ title: "Base model", openLabel: "Use as Base Model", ...what });
}
