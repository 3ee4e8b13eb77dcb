import path from "node:path";
import * as vscode from "vscode";
import { pathExists } from "../../util/path-exists.ts";
import type { App } from "../app.ts";
import type { AdapterEntry } from "../catalogs/adapter-catalog.ts";
import { describeAdapter } from "../views/adapters-tree.ts";
import { describeModel } from "../views/models-tree.ts";
import { pickBase } from "./pick-base.ts";

/** What can write text: a base model, alone or with an adapter. */
export interface Generator {
  name: string;
  base: string;
  adapter?: string;
}

interface Item extends vscode.QuickPickItem {
  adapter?: AdapterEntry;
  generator?: Generator;
}

export async function pickGenerator(app: App): Promise<Generator | undefined> {
  const items = Promise.all([app.adapters.entries(), app.models.entries()]).then(
    ([adapters, models]): Item[] => [
      ...(adapters.length > 0 ? [separator("Adapters")] : []),
      ...adapters
        .filter((adapter) => adapter.summary !== undefined)
        .map((adapter) => ({
          label: `$(extensions) ${adapter.label}`,
          description: describeAdapter(adapter),
          adapter,
        })),
      ...(models.length > 0 ? [separator("Base models")] : []),
      ...models
        .filter((model) => model.summary !== undefined)
        .map((model) => ({
          label: `$(package) ${model.label}`,
          description: describeModel(model),
          generator: { name: model.label, base: model.path },
        })),
    ],
  );
  if ((await items).length === 0) {
    void vscode.window.showInformationMessage(
      'No model was found to generate with. "Retune: Add Model Folder…" adds one.',
    );
    return undefined;
  }
  const options = { title: "Generate", placeHolder: "With which adapter or base model?" };
  const chosen = await vscode.window.showQuickPick(items, { ...options, matchOnDescription: true });
  if (chosen?.adapter === undefined) return chosen?.generator;
  const base = await resolveBase(app, chosen.adapter);
  return base === undefined
    ? undefined
    : { name: chosen.adapter.label, base, adapter: chosen.adapter.path };
}

/** Where the adapter's base model is: as its run or its own config says, else the user is asked. */
export async function resolveBase(app: App, adapter: AdapterEntry): Promise<string | undefined> {
  const named = adapter.summary?.base;
  const candidates = [
    adapter.basePath,
    ...(named === undefined ? [] : [path.resolve(path.dirname(adapter.path), named), named]),
  ];
  for (const candidate of candidates) {
    if (candidate && path.isAbsolute(candidate) && (await pathExists(candidate))) return candidate;
  }
  const models = await app.models.entries();
  // "HuggingFaceTB/SmolLM2-135M" is found in the cache under that very name.
  const cached = models.find((model) => model.source === "cache" && model.label === named);
  return cached?.path ?? pickBase(app, `Base model of ${adapter.label}`);
}

function separator(label: string): Item {
  return { label, kind: vscode.QuickPickItemKind.Separator };
}
