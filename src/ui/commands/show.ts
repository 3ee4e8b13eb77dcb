/** Commands that only show something: a file of the run, a place on disk, an id. */
import { stat } from "node:fs/promises";
import path from "node:path";
import * as vscode from "vscode";
import { RUN_FILES } from "../../protocol/run-folder.ts";
import { InputError } from "../../util/errors.ts";
import type { App } from "../app.ts";
import { sayInformation } from "../say.ts";
import { asRow } from "../views/rows.ts";
import { runFrom } from "./pick-run.ts";

const ANY_RUN = {
  placeholder: "Which run?",
  accepts: () => true,
  none: "There is no run in this workspace yet.",
};

/** The recipe as the run really used it, not the file it was started from. */
export async function showRecipe(app: App, argument: unknown): Promise<void> {
  const run = await runFrom(app, argument, ANY_RUN);
  if (run) await openFile(path.join(run.dir, RUN_FILES.recipe), `${run.name} has no recipe.json`);
}

export async function showLog(app: App, argument: unknown): Promise<void> {
  const run = await runFrom(app, argument, ANY_RUN);
  if (run === undefined) return;
  await openLog(path.join(run.dir, RUN_FILES.log), `${run.name} has not written a log yet`);
}

export async function copyRunId(app: App, argument: unknown): Promise<void> {
  const run = await runFrom(app, argument, ANY_RUN);
  if (run) await vscode.env.clipboard.writeText(run.id);
}

/** Shows a run, an adapter or a model in the Explorer, or in the system's file manager. */
export async function reveal(app: App, argument: unknown): Promise<void> {
  const target = pathOf(argument) ?? (await runFrom(app, argument, ANY_RUN))?.dir;
  if (target !== undefined) await revealPath(target);
}

/** Shows what the run made: its adapter, or its model when all weights were trained. */
export async function revealRunOutput(app: App, argument: unknown): Promise<void> {
  const run = await runFrom(app, argument, {
    placeholder: "Show the result of which run?",
    accepts: (candidate) => candidate.hasAdapter || candidate.hasModel,
    none: "No run has made an adapter or a model yet.",
  });
  if (run === undefined) return;
  if (!run.hasAdapter && !run.hasModel) throw new InputError(`${run.name} has no result yet`);
  const result = run.hasAdapter ? RUN_FILES.adapter : RUN_FILES.model;
  await revealPath(path.join(run.dir, result));
}

async function revealPath(target: string): Promise<void> {
  const uri = vscode.Uri.file(target);
  const isRemote = vscode.env.remoteName !== undefined || vscode.env.uiKind === vscode.UIKind.Web;
  const isInWorkspace = vscode.workspace.getWorkspaceFolder(uri) !== undefined;
  if (!isRemote) await vscode.commands.executeCommand("revealFileInOS", uri);
  else if (isInWorkspace) await vscode.commands.executeCommand("revealInExplorer", uri);
  else void sayInformation(`It is outside this workspace: ${target}`);
}

export async function copyPath(app: App, argument: unknown): Promise<void> {
  const target = pathOf(argument) ?? (await runFrom(app, argument, ANY_RUN))?.dir;
  if (target !== undefined) await vscode.env.clipboard.writeText(target);
}

function pathOf(argument: unknown): string | undefined {
  const row = asRow(argument);
  if (row?.kind === "model") return row.model.path;
  if (row?.kind === "adapter") return row.adapter.path;
  if (row?.kind === "interpolation") return row.interpolationDir;
  if (row?.kind === "evaluation") return row.evaluation.file;
  return row?.kind === "run" ? row.runDir : undefined;
}

/** At its end, where the news is. */
export async function openLog(file: string, missing: string): Promise<void> {
  const editor = await openFile(file, missing);
  const end = editor.document.lineAt(editor.document.lineCount - 1).range.end;
  editor.selection = new vscode.Selection(end, end);
  editor.revealRange(editor.selection);
}

async function openFile(file: string, missing: string): Promise<vscode.TextEditor> {
  if (!(await stat(file).catch(() => undefined))) throw new InputError(`${missing} (${file})`);
  const document = await vscode.workspace.openTextDocument(vscode.Uri.file(file));
  return vscode.window.showTextDocument(document, { preview: true });
}
