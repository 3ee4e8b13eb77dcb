/** From which base to which fine-tune: of a run, an adapter, or two models. */
import path from "node:path";
import * as vscode from "vscode";
import { RUN_FILES } from "../../protocol/run-folder.ts";
import type { Run } from "../../run-folder/run.ts";
import { readEngineRun } from "../../runs/engine-status.ts";
import { InputError } from "../../util/errors.ts";
import type { App } from "../app.ts";
import type { Choices } from "../ask/question.ts";
import type { Wizard } from "../ask/wizard.ts";
import type { AdapterEntry } from "../catalogs/adapter-catalog.ts";
import { describeAdapter, describeModel } from "../views/entry-text.ts";
import { asRow } from "../views/rows.ts";
import { pickBase } from "./pick-base.ts";
import { resolveBase } from "./pick-answerer.ts";
import { runDirOf } from "./pick-run.ts";

export interface Ends {
  base: string;
  tuned?: string;
  adapter?: string;
  /** The run that made the fine-tune: what it was trained and evaluated on is known. */
  run?: Run;
}

/** How many questions come behind the ends: the data, what each file is for, the alphas. */
const LATER_STEPS = 3;

export async function pickEnds(app: App, wizard: Wizard, argument: unknown): Promise<Ends> {
  const row = asRow(argument);
  const runDir = runDirOf(argument);
  if (row?.kind === "model") {
    wizard.expect(1 + LATER_STEPS);
    return endsFromBase(app, wizard, row.model.path);
  }
  wizard.expect(LATER_STEPS);
  if (row?.kind === "adapter") return endsOfAdapter(app, wizard, row.adapter);
  if (runDir !== undefined) return endsOfRun(app, runDir);
  wizard.expect(1 + LATER_STEPS);
  const chosen = await wizard.pick({
    placeHolder: "From a base model to which fine-tune?",
    choices: () => offered(app),
  });
  if (chosen.adapter) return endsOfAdapter(app, wizard, chosen.adapter);
  if (chosen.run) return endsOfRun(app, chosen.run.dir);
  wizard.expect(3 + LATER_STEPS);
  return endsFromBase(app, wizard, await pickBase(app, wizard, "Which is the base (alpha 0)?"));
}

/** An adapter or a run; neither stands for two models. */
interface Offer {
  adapter?: AdapterEntry;
  run?: Run;
}

async function offered(app: App): Promise<Choices<Offer>> {
  const [adapters] = await Promise.all([app.adapters.entries(), app.store.refresh()]);
  const tuned = app.store.runs().filter((run) => run.hasModel && run.recipe !== undefined);
  return [
    ...(adapters.length > 0 ? [{ heading: "Adapters" }] : []),
    ...adapters
      .filter((adapter) => adapter.summary !== undefined)
      .map((adapter) => ({
        id: adapter.path,
        label: adapter.label,
        icon: "extensions",
        description: describeAdapter(adapter),
        value: { adapter },
      })),
    ...(tuned.length > 0 ? [{ heading: "Models that runs have tuned" }] : []),
    ...tuned.map((run) => ({
      id: run.dir,
      label: run.name,
      icon: "package",
      description: path.basename(run.recipe?.base ?? ""),
      value: { run },
    })),
    { heading: "Others" },
    {
      label: "Two models…",
      icon: "files",
      description: "of one architecture",
      alwaysShow: true,
      value: {},
    },
  ];
}

async function endsOfAdapter(app: App, wizard: Wizard, adapter: AdapterEntry): Promise<Ends> {
  const base = await resolveBase(app, wizard, adapter);
  const run = adapter.runDir === undefined ? undefined : await runAt(app, adapter.runDir);
  return { base, adapter: adapter.path, ...(run ? { run } : {}) };
}

async function endsOfRun(app: App, runDir: string): Promise<Ends> {
  const run = await runAt(app, runDir);
  if (run === undefined) throw new InputError(`${runDir} is not a run folder (no state.json)`);
  if (run.recipe === undefined) {
    throw new InputError(
      `${run.name} can't be read: ${run.problem ?? run.foreign?.reason ?? "it has no recipe"}`,
    );
  }
  const { base } = run.recipe;
  if (run.hasModel) return { base, tuned: path.join(runDir, RUN_FILES.model), run };
  if (run.hasAdapter) return { base, adapter: path.join(runDir, RUN_FILES.adapter), run };
  throw new InputError(`${run.name} has no adapter or model yet: interpolate when it has ended`);
}

async function endsFromBase(app: App, wizard: Wizard, base: string): Promise<Ends> {
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
  const tuned = await wizard.pick({
    placeHolder: `From ${path.basename(base)} to which fine-tune of it (alpha 1)?`,
    choices: () =>
      models
        .toSorted((a, b) => Number(isKin(b)) - Number(isKin(a)))
        .map((model) => ({
          label: model.label,
          description: describeModel(model),
          detail: vscode.workspace.asRelativePath(model.path),
          value: model.path,
        })),
  });
  return { base, tuned };
}

async function runAt(app: App, runDir: string): Promise<Run | undefined> {
  return app.store.get(runDir) ?? readEngineRun(runDir);
}
