/** Commands on evaluations that are kept: a row, or the file's path. */
import { rm } from "node:fs/promises";
import path from "node:path";
import * as vscode from "vscode";
import type { EvaluationFile } from "../../runs/evaluations.ts";
import { formatWhen } from "../../util/format.ts";
import type { App } from "../app.ts";
import { asRow } from "../views/rows.ts";

export async function openEvaluation(app: App, argument: unknown): Promise<void> {
  const file = fileOf(argument) ?? (await pick(app, "Open which evaluation?"))?.file;
  if (file !== undefined) await app.evaluationPanels.open(file);
}

export async function deleteEvaluation(app: App, argument: unknown): Promise<void> {
  const file = fileOf(argument) ?? (await pick(app, "Delete which evaluation?"))?.file;
  if (file === undefined) return;
  const chosen = await vscode.window.showWarningMessage(
    `Delete the evaluation ${path.basename(file, ".json")}?`,
    { modal: true, detail: `Its figures are removed from disk:\n${file}` },
    "Delete",
  );
  if (chosen !== "Delete") return;
  app.evaluationPanels.close(file);
  await rm(file, { force: true });
  app.evaluations.invalidate();
}

function fileOf(argument: unknown): string | undefined {
  if (typeof argument === "string" && argument !== "") return argument;
  const row = asRow(argument);
  return row?.kind === "evaluation" ? row.evaluation.file : undefined;
}

async function pick(app: App, placeHolder: string): Promise<EvaluationFile | undefined> {
  const evaluations = await app.evaluations.entries();
  if (evaluations.length === 0) {
    void vscode.window.showInformationMessage(
      'No evaluation is kept in this workspace yet. "Retune: Evaluate…" makes one.',
    );
    return undefined;
  }
  const items = evaluations.map((evaluation) => ({
    label: evaluation.name,
    description: formatWhen(evaluation.createdAt, Date.now()),
    evaluation,
  }));
  return (await vscode.window.showQuickPick(items, { placeHolder }))?.evaluation;
}
