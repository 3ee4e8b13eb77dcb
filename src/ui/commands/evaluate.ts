/** Models, adapters and data files → `retune eval`, a child that can be cancelled → a table in a tab. */
import path from "node:path";
import * as vscode from "vscode";
import { type EvaluationResult, evaluationTableSchema } from "../../protocol/evaluation.ts";
import { saveEvaluation } from "../../runs/evaluations.ts";
import { dataName } from "../../protocol/data-files.ts";
import { runCli } from "../../util/run-cli.ts";
import { parseJson } from "../../util/json.ts";
import type { App } from "../app.ts";
import { askInSteps, type Wizard } from "../ask/wizard.ts";
import type { AdapterEntry } from "../catalogs/adapter-catalog.ts";
import { localFolders } from "../local-folders.ts";
import { requireTrust } from "../trust.ts";
import { describeAdapter, describeModel } from "../views/entry-text.ts";
import { asRow } from "../views/rows.ts";
import { DATA_FILTERS, findDataFiles } from "./pick-data.ts";
import { resolveBase } from "./pick-answerer.ts";
import { withCancel } from "./with-cancel.ts";
import { baseLabel } from "../../bases/references.ts";

const TITLE = "Evaluate";

interface Named {
  name: string;
  path: string;
}

/** One call of the command: models side by side, or one model with adapters. */
interface Comparison {
  models: Named[];
  adapters: Named[];
}

/** @returns the file that keeps the evaluation; undefined when cancelled */
export async function evaluate(app: App, argument: unknown): Promise<string | undefined> {
  requireTrust();
  const answers = await askInSteps(TITLE, async (wizard) => {
    wizard.expect(2);
    const comparisons = await comparisonsFrom(app, wizard, argument);
    return { comparisons, data: await pickDataFiles(wizard) };
  });
  if (answers === undefined) return undefined;
  const { comparisons, data } = answers;
  const results: EvaluationResult[] = [];
  const done = await withCancel("Evaluating", async (signal, report) => {
    for (const comparison of comparisons) {
      let printed = "";
      const isWhole = await runCli({
        cliPath: app.programs.cli,
        args: evalArguments(comparison, data),
        signal,
        onOutput: (text) => (printed += text),
        onProgress: report,
      });
      if (!isWhole) return false;
      const table = evaluationTableSchema.parse(parseJson(printed, "retune's output"));
      for (const result of table.results) results.push(result);
    }
    return true;
  });
  if (!done) return undefined;
  // Without an open folder it is kept where VS Code keeps what is ours.
  const folder = localFolders()[0] ?? app.context.globalStorageUri.fsPath;
  const { file, name } = await saveEvaluation(folder, results);
  app.evaluations.invalidate();
  app.evaluationPanels.open(file, name);
  return file;
}

function evalArguments({ models, adapters }: Comparison, data: readonly Named[]): string[] {
  return [
    "eval",
    ...named(models),
    ...named(adapters).flatMap((one) => ["--adapter", one]),
    ...named(data).flatMap((one) => ["--data", one]),
    "--json",
  ];
}

/** The command makes names of its own where ours don't tell them apart. */
function named(things: readonly Named[]): string[] {
  const names = things.map(({ name }) => name.replaceAll("=", "-"));
  const areApart = new Set(names).size === names.length;
  return things.map((thing, i) => (areApart ? `${names[i]}=${thing.path}` : thing.path));
}

async function comparisonsFrom(app: App, wizard: Wizard, argument: unknown): Promise<Comparison[]> {
  const row = asRow(argument);
  if (row?.kind === "model" || row?.kind === "adapter") wizard.expect(1);
  const picked: readonly Candidate[] =
    row?.kind === "adapter"
      ? [{ adapter: row.adapter }]
      : row?.kind === "model"
        ? [{ model: { name: row.model.label, path: row.model.path } }]
        : await pickModels(app, wizard);
  const byBase = new Map<string, Named[]>();
  for (const adapter of picked.flatMap((each) => each.adapter ?? [])) {
    const base = await resolveBase(app, wizard, adapter);
    const others = byBase.get(base) ?? [];
    byBase.set(base, [...others, { name: adapter.label, path: adapter.path }]);
  }
  const models = picked.flatMap((each) => each.model ?? []);
  return grouped(byBase, models);
}

/** Adapters by their base, which is evaluated beside them; then the models that are left. */
function grouped(byBase: ReadonlyMap<string, Named[]>, models: readonly Named[]): Comparison[] {
  const rest = models.filter((model) => !byBase.has(model.path));
  return [
    ...[...byBase].map(([base, own]) => ({
      models: [{ name: baseLabel(path.basename(base)), path: base }],
      adapters: own,
    })),
    ...(rest.length > 0 ? [{ models: rest, adapters: [] }] : []),
  ];
}

interface Candidate {
  adapter?: AdapterEntry;
  model?: Named;
}

async function pickModels(app: App, wizard: Wizard): Promise<Candidate[]> {
  const [adapters, models] = await Promise.all([app.adapters.entries(), app.models.entries()]);
  const choices = [
    ...adapters
      .filter((adapter) => adapter.summary !== undefined)
      .map((adapter) => ({
        id: adapter.path,
        label: adapter.label,
        icon: "extensions",
        description: `${describeAdapter(adapter)}, beside its base`,
        value: { adapter },
      })),
    ...models
      .filter((model) => model.summary !== undefined)
      .map((model) => ({
        id: model.path,
        label: model.label,
        icon: "package",
        description: describeModel(model),
        value: { model: { name: model.label, path: model.path } },
      })),
  ];
  if (choices.length === 0) {
    wizard.refuse('No model was found to evaluate. "Retune: Add Model Folder…" adds one.');
  }
  const placeHolder = "Which models and adapters, side by side?";
  const chosen = await wizard.pickMany<Candidate>({ placeHolder, choices: () => choices });
  if (chosen.length === 0) wizard.refuse("Nothing to evaluate was chosen: nothing was started.");
  return chosen;
}

async function pickDataFiles(wizard: Wizard): Promise<Named[]> {
  const chosen = await wizard.pickMany<string[]>({
    placeHolder: "On which data?",
    choices: async () => [
      ...(await findDataFiles()).map(({ path: file, ...shown }) => ({ ...shown, value: [file] })),
      {
        label: "Browse for files…",
        icon: "folder-opened",
        alwaysShow: true,
        value: browse,
      },
    ],
  });
  const files = chosen.flat();
  if (files.length === 0) wizard.refuse("No data were chosen: nothing was started.");
  return [...new Set(files)].map((file) => ({
    name: dataName(vscode.workspace.asRelativePath(file)),
    path: file,
  }));
}

async function browse(): Promise<string[] | undefined> {
  const uris = await vscode.window.showOpenDialog({
    title: "Data to evaluate on",
    openLabel: "Evaluate on These",
    canSelectMany: true,
    filters: DATA_FILTERS,
  });
  return uris?.map(({ fsPath }) => fsPath);
}
