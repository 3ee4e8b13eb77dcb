/** Models, adapters and data files → `retune eval`, a child that can be cancelled → a table in a tab. */
import path from "node:path";
import * as vscode from "vscode";
import { type EvaluationResult, evaluationTableSchema } from "../../protocol/evaluation.ts";
import { saveEvaluation } from "../../runs/evaluations.ts";
import { dataName } from "../../protocol/data-files.ts";
import { runCli } from "../../runs/run-cli.ts";
import { parseJson } from "../../util/json.ts";
import type { App } from "../app.ts";
import type { AdapterEntry } from "../catalogs/adapter-catalog.ts";
import { requireTrust } from "../trust.ts";
import { describeAdapter } from "../views/adapters-tree.ts";
import { describeModel } from "../views/models-tree.ts";
import { asRow } from "../views/rows.ts";
import { DATA_FILTERS, findDataFiles } from "./pick-data.ts";
import { resolveBase } from "./pick-generator.ts";
import { withCancel } from "./with-cancel.ts";

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
  const comparisons = await comparisonsFrom(app, argument);
  if (comparisons === undefined) return undefined;
  const data = await pickDataFiles();
  if (data === undefined) return undefined;
  const results: EvaluationResult[] = [];
  const done = await withCancel("Evaluating", async (signal, report) => {
    for (const comparison of comparisons) {
      let printed = "";
      const isWhole = await runCli({
        cliPath: app.cliPath,
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
  const folder = vscode.workspace.workspaceFolders?.find(({ uri }) => uri.scheme === "file");
  // Without an open folder it is kept where VS Code keeps what is ours.
  const { fsPath } = folder?.uri ?? app.context.globalStorageUri;
  const { file } = await saveEvaluation(fsPath, results);
  app.evaluations.invalidate();
  // The tab is called as the evaluation is.
  await app.evaluations.entries();
  app.evaluationPanels.open(file);
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

async function comparisonsFrom(app: App, argument: unknown): Promise<Comparison[] | undefined> {
  const row = asRow(argument);
  if (row?.kind === "adapter") return grouped(app, [row.adapter], []);
  if (row?.kind === "model") {
    return [{ models: [{ name: row.model.label, path: row.model.path }], adapters: [] }];
  }
  const picked = await pickModels(app);
  if (picked === undefined) return undefined;
  const adapters = picked.flatMap(({ adapter }) => adapter ?? []);
  return grouped(
    app,
    adapters,
    picked.flatMap(({ model }) => model ?? []),
  );
}

/** Adapters by their base, which is evaluated beside them; then the models that are left. */
async function grouped(
  app: App,
  adapters: readonly AdapterEntry[],
  models: readonly Named[],
): Promise<Comparison[] | undefined> {
  const byBase = new Map<string, Named[]>();
  for (const adapter of adapters) {
    const base = await resolveBase(app, adapter);
    if (base === undefined) return undefined;
    const others = byBase.get(base) ?? [];
    byBase.set(base, [...others, { name: adapter.label, path: adapter.path }]);
  }
  const rest = models.filter((model) => !byBase.has(model.path));
  return [
    ...[...byBase].map(([base, own]) => ({
      models: [{ name: path.basename(base).replace(/\.gguf$/iu, ""), path: base }],
      adapters: own,
    })),
    ...(rest.length > 0 ? [{ models: rest, adapters: [] }] : []),
  ];
}

interface ModelItem extends vscode.QuickPickItem {
  adapter?: AdapterEntry;
  model?: Named;
}

async function pickModels(app: App): Promise<readonly ModelItem[] | undefined> {
  const items = Promise.all([app.adapters.entries(), app.models.entries()]).then(
    ([adapters, models]): ModelItem[] => [
      ...adapters
        .filter((adapter) => adapter.summary !== undefined)
        .map((adapter) => ({
          label: `$(extensions) ${adapter.label}`,
          description: `${describeAdapter(adapter)}, beside its base`,
          adapter,
        })),
      ...models
        .filter((model) => model.summary !== undefined)
        .map(({ label, path: folder, ...model }) => ({
          label: `$(package) ${label}`,
          description: describeModel({ label, path: folder, ...model }),
          model: { name: label, path: folder },
        })),
    ],
  );
  if ((await items).length === 0) {
    void vscode.window.showInformationMessage(
      'No model was found to evaluate. "Retune: Add Model Folder…" adds one.',
    );
    return undefined;
  }
  const placeHolder = "Which models and adapters, side by side?";
  const options = { title: TITLE, placeHolder, matchOnDescription: true } as const;
  const chosen = await vscode.window.showQuickPick(items, { ...options, canPickMany: true });
  return chosen === undefined || chosen.length === 0 ? undefined : chosen;
}

interface FileItem extends vscode.QuickPickItem {
  file?: string;
}

async function pickDataFiles(): Promise<Named[] | undefined> {
  const items = findDataFiles().then((files): FileItem[] => [
    ...files.map(({ label, description, path: file }) => ({ label, description, file })),
    { label: "$(folder-opened) Browse for files…", alwaysShow: true },
  ]);
  const placeHolder = "On which data?";
  const chosen = await vscode.window.showQuickPick(items, {
    title: TITLE,
    placeHolder,
    canPickMany: true,
  });
  if (chosen === undefined) return undefined;
  const browsed = chosen.some(({ file }) => file === undefined) ? await browse() : [];
  const files = [...chosen.flatMap(({ file }) => file ?? []), ...browsed];
  if (files.length === 0) return undefined;
  return [...new Set(files)].map((file) => ({
    name: dataName(vscode.workspace.asRelativePath(file)),
    path: file,
  }));
}

async function browse(): Promise<string[]> {
  const uris = await vscode.window.showOpenDialog({
    title: "Data to evaluate on",
    openLabel: "Evaluate on These",
    canSelectMany: true,
    filters: DATA_FILTERS,
  });
  return (uris ?? []).map(({ fsPath }) => fsPath);
}
