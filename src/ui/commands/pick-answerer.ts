import path from "node:path";
import type { Engine } from "../../engines/engine.ts";
import { engineOf } from "../../engines/registry.ts";
import { RUN_FILES } from "../../protocol/run-folder.ts";
import { InputError } from "../../util/errors.ts";
import { pathExists } from "../../util/path-exists.ts";
import { type Answering, answeringOf, answeringOfRun } from "../answering.ts";
import type { App } from "../app.ts";
import type { Wizard } from "../ask/wizard.ts";
import type { AdapterEntry } from "../catalogs/adapter-catalog.ts";
import type { ModelEntry } from "../catalogs/model-catalog.ts";
import { describeAdapter, describeModel } from "../views/entry-text.ts";
import { asRow } from "../views/rows.ts";
import { pickBase } from "./pick-base.ts";
import { runDirOf, runFrom } from "./pick-run.ts";

/** What answers a text: a model, alone or with an adapter. */
export interface Answerer {
  name: string;
  base: string;
  adapter?: string;
  /** The engine of the run that made it; left out: the default's. */
  engine?: Engine;
}

const NONE: Record<Answering, string> = {
  writesText: 'No model was found to generate with. "Retune: Add Model Folder…" adds one.',
  labelsText:
    'No classifier was found. "Retune: Start Run…" makes one from rows with labels, "Retune: Add Model Folder…" adds one.',
};

/**
 * What a command's argument names, else what the person picks.
 * @throws InputError for a run that answers otherwise, or has nothing yet
 */
export async function answererFrom(
  app: App,
  wizard: Wizard,
  argument: unknown,
  answering: Answering,
): Promise<Answerer> {
  const row = asRow(argument);
  if (row?.kind === "model") {
    checkAnswering(row.model.label, answeringOf(row.model.summary), answering);
    return { name: row.model.label, base: row.model.path };
  }
  if (row?.kind === "adapter") {
    checkAnswering(row.adapter.label, answeringOf(row.adapter.summary), answering);
    const base = await resolveBase(app, wizard, row.adapter);
    return { name: row.adapter.label, base, adapter: row.adapter.path };
  }
  if (runDirOf(argument) === undefined) return pickAnswerer(app, wizard, answering);
  const run = await runFrom(app, argument, { placeholder: "", accepts: () => true, none: "" });
  if (run?.recipe === undefined) {
    throw new InputError(`${run?.name}: ${run?.problem ?? run?.foreign?.reason}`);
  }
  checkAnswering(run.name, answeringOfRun(run.recipe), answering);
  const { name } = run;
  const engine = engineOf(run.recipe);
  if (run.hasModel) return { name, base: path.join(run.dir, RUN_FILES.model), engine };
  if (!run.hasAdapter)
    throw new InputError(`${run.name} has no adapter yet: it appears when the run ends`);
  const adapter = path.join(run.dir, RUN_FILES.adapter);
  return { name, base: run.recipe.base, adapter, engine };
}

/** Whether an argument names what answers, so that only the text is asked for. */
export function namesAnswerer(argument: unknown): boolean {
  return asRow(argument) !== undefined || runDirOf(argument) !== undefined;
}

function checkAnswering(name: string, found: Answering, wished: Answering): void {
  if (found === wished) return;
  throw new InputError(
    found === "labelsText"
      ? `${name} labels text: it has no head to write it with; "Classify Text…" asks it`
      : `${name} writes text: it has no head to label it with; "Generate…" asks it`,
  );
}

async function pickAnswerer(app: App, wizard: Wizard, answering: Answering): Promise<Answerer> {
  const [adapters, models] = await Promise.all([app.adapters.entries(), app.models.entries()]);
  const isFit = ({ summary }: AdapterEntry | ModelEntry): boolean =>
    summary !== undefined && answeringOf(summary) === answering;
  const usable = adapters.filter(isFit);
  const bases = models.filter(isFit);
  if (usable.length + bases.length === 0) wizard.refuse(NONE[answering]);
  const chosen = await wizard.pick<AdapterEntry | Answerer>({
    placeHolder: `With which adapter or ${answering === "writesText" ? "base model" : "classifier"}?`,
    choices: () => [
      ...(usable.length > 0 ? [{ heading: "Adapters" }] : []),
      ...usable.map((adapter) => ({
        id: adapter.path,
        label: adapter.label,
        icon: "extensions",
        description: describeAdapter(adapter),
        value: adapter,
      })),
      ...(bases.length > 0
        ? [{ heading: answering === "writesText" ? "Base models" : "Models" }]
        : []),
      ...bases.map((model) => ({
        id: model.path,
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
