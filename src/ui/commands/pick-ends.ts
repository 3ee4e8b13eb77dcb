/** From which base to which fine-tune: of a run, an adapter, or two models. */
import path from "node:path";
import * as vscode from "vscode";
import { RUN_FILES } from "../../protocol/run-folder.ts";
import { readRun, type Run } from "../../runs/run.ts";
import { InputError } from "../../util/errors.ts";
import type { App } from "../app.ts";
import type { AdapterEntry } from "../catalogs/adapter-catalog.ts";
import { describeAdapter } from "../views/adapters-tree.ts";
import { describeModel } from "../views/models-tree.ts";
import { asRow } from "../views/rows.ts";
import { pickBase } from "./pick-base.ts";
import { resolveBase } from "./pick-generator.ts";
import { runDirOf } from "./pick-run.ts";

export interface Ends {
  base: string;
  tuned?: string;
  adapter?: string;
  /** The run that made the fine-tune: what it was trained and evaluated on is known. */
  run?: Run;
}

interface Item extends vscode.QuickPickItem {
  ends?: () => Promise<Ends | undefined>;
}

/** Undefined when cancelled. */
export async function pickEnds(
  app: App,
  argument: unknown,
  title: string,
): Promise<Ends | undefined> {
  const row = asRow(argument);
  if (row?.kind === "adapter") return endsOfAdapter(app, row.adapter);
  if (row?.kind === "model") return endsFromBase(app, row.model.path, title);
  const runDir = runDirOf(argument);
  if (runDir !== undefined) return endsOfRun(app, runDir);
  const items = await offered(app, title);
  const placeHolder = "From a base model to which fine-tune?";
  const chosen = await vscode.window.showQuickPick(items, {
    title,
    placeHolder,
    matchOnDescription: true,
  });
  return chosen?.ends?.();
}

async function offered(app: App, title: string): Promise<Item[]> {
  const [adapters] = await Promise.all([app.adapters.entries(), app.store.refresh()]);
  const tuned = app.store.runs().filter((run) => run.hasModel && run.recipe !== undefined);
  return [
    ...(adapters.length > 0 ? [separator("Adapters")] : []),
    ...adapters
      .filter((adapter) => adapter.summary !== undefined)
      .map((adapter) => ({
        label: `$(extensions) ${adapter.label}`,
        description: describeAdapter(adapter),
        ends: () => endsOfAdapter(app, adapter),
      })),
    ...(tuned.length > 0 ? [separator("Models that runs have tuned")] : []),
    ...tuned.map((run) => ({
      label: `$(package) ${run.name}`,
      description: path.basename(run.recipe?.base ?? ""),
      ends: () => endsOfRun(app, run.dir),
    })),
    separator("Others"),
    {
      label: "$(files) Two models…",
      description: "of one architecture",
      alwaysShow: true,
      ends: async () => {
        const base = await pickBase(app, `${title}: the base (alpha 0)`);
        return base === undefined ? undefined : endsFromBase(app, base, title);
      },
    },
  ];
}

async function endsOfAdapter(app: App, adapter: AdapterEntry): Promise<Ends | undefined> {
  const base = await resolveBase(app, adapter);
  if (base === undefined) return undefined;
  const run = adapter.runDir === undefined ? undefined : await runAt(app, adapter.runDir);
  return { base, adapter: adapter.path, ...(run ? { run } : {}) };
}

async function endsOfRun(app: App, runDir: string): Promise<Ends | undefined> {
  const run = await runAt(app, runDir);
  if (run === undefined) throw new InputError(`${runDir} is not a run folder (no state.json)`);
  if (run.recipe === undefined) {
    throw new InputError(`${run.name} can't be read: ${run.problem ?? "it has no recipe"}`);
  }
  const { base } = run.recipe;
  if (run.hasModel) return { base, tuned: path.join(runDir, RUN_FILES.model), run };
  if (run.hasAdapter) return { base, adapter: path.join(runDir, RUN_FILES.adapter), run };
  throw new InputError(`${run.name} has no adapter or model yet: interpolate when it has ended`);
}

async function endsFromBase(app: App, base: string, title: string): Promise<Ends | undefined> {
  const models = (await app.models.entries()).filter(
    (model) => model.summary !== undefined && model.path !== base,
  );
  if (models.length === 0) {
    throw new InputError(
      `there is no other model to interpolate ${path.basename(base)} with; add its folder first`,
    );
  }
  // The nearest of kin first: nothing else can be mixed.
  const own = (await app.models.entries()).find((model) => model.path === base)?.summary;
  const isKin = (model: (typeof models)[number]): boolean =>
    model.summary?.parameters === own?.parameters;
  const items = models
    .toSorted((a, b) => Number(isKin(b)) - Number(isKin(a)))
    .map((model) => ({
      label: model.label,
      description: describeModel(model),
      detail: vscode.workspace.asRelativePath(model.path),
      tuned: model.path,
    }));
  const chosen = await vscode.window.showQuickPick(items, {
    title,
    placeHolder: `From ${path.basename(base)} to which fine-tune of it (alpha 1)?`,
    matchOnDescription: true,
  });
  return chosen && { base, tuned: chosen.tuned };
}

async function runAt(app: App, runDir: string): Promise<Run | undefined> {
  return app.store.get(runDir) ?? readRun(runDir);
}

function separator(label: string): Item {
  return { label, kind: vscode.QuickPickItemKind.Separator };
}
