import path from "node:path";
import { pathExists } from "../../util/path-exists.ts";
import type { App } from "../app.ts";
import type { Wizard } from "../ask/wizard.ts";
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

export async function pickGenerator(app: App, wizard: Wizard): Promise<Generator> {
  const [adapters, models] = await Promise.all([app.adapters.entries(), app.models.entries()]);
  const usable = adapters.filter((adapter) => adapter.summary !== undefined);
  const bases = models.filter((model) => model.summary !== undefined);
  if (usable.length + bases.length === 0) {
    wizard.refuse('No model was found to generate with. "Retune: Add Model Folder…" adds one.');
  }
  const chosen = await wizard.pick<AdapterEntry | Generator>({
    placeHolder: "With which adapter or base model?",
    choices: () => [
      ...(usable.length > 0 ? [{ heading: "Adapters" }] : []),
      ...usable.map((adapter) => ({
        label: adapter.label,
        icon: "extensions",
        description: describeAdapter(adapter),
        value: adapter,
      })),
      ...(bases.length > 0 ? [{ heading: "Base models" }] : []),
      ...bases.map((model) => ({
        label: model.label,
        icon: "package",
        description: describeModel(model),
        value: { name: model.label, base: model.path },
      })),
    ],
  });
  if ("name" in chosen) return chosen;
  const base = await resolveBase(app, wizard, chosen);
  return { name: chosen.label, base, adapter: chosen.path };
}

/** Where the adapter's base model is: as its run or its own config says, else the user is asked. */
export async function resolveBase(
  app: App,
  wizard: Wizard,
  adapter: AdapterEntry,
): Promise<string> {
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
  return cached?.path ?? pickBase(app, wizard, `Which is the base model of ${adapter.label}?`);
}
