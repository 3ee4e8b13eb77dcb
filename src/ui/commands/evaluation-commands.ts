/** Commands on evaluations that are kept: a row, or the file's path. */
import { rm, writeFile } from "node:fs/promises";
import path from "node:path";
import * as vscode from "vscode";
import * as z from "zod";
import { EVALUATION_COLUMNS, type EvaluationResult } from "../../protocol/evaluation.ts";
import { type EvaluationFile, readSavedEvaluation } from "../../runs/evaluations.ts";
import { toCsv } from "../../util/csv.ts";
import { InputError } from "../../util/errors.ts";
import { formatWhen } from "../../util/format.ts";
import type { App } from "../app.ts";
import { pickOne } from "../ask/wizard.ts";
import { ask, sayInformation } from "../say.ts";
import { asRow } from "../views/rows.ts";

const FORMATS = {
  csv: (results: readonly EvaluationResult[]) => toCsv(EVALUATION_COLUMNS, results),
  json: (results: readonly EvaluationResult[]) => `${JSON.stringify({ results }, null, 2)}\n`,
} as const;
type Format = keyof typeof FORMATS;

/** What the page's links say; `target` leaves the question out where to. */
const exportRequestSchema = z.object({
  file: z.string(),
  format: z.enum(["csv", "json"]),
  target: z.string().optional(),
});

export async function openEvaluation(app: App, argument: unknown): Promise<void> {
  const file = fileOf(argument) ?? (await pick(app, "Open which evaluation?"))?.file;
  if (file === undefined) return;
  // One that is gone says so in a message, not in a tab.
  const { name } = await readSavedEvaluation(file);
  app.evaluationPanels.open(file, name);
}

/**
 * @returns the file that was written; undefined when cancelled
 * @throws InputError when the evaluation's own file is gone or broken
 */
export async function exportEvaluation(_: App, argument: unknown): Promise<string | undefined> {
  const request = exportRequestSchema.safeParse(argument);
  if (!request.success) throw new InputError("export an evaluation by the links of its tab");
  const { file, format, target } = request.data;
  const { results } = await readSavedEvaluation(file);
  const written = target ?? (await askTarget(format));
  if (written === undefined) return undefined;
  await writeFile(written, FORMATS[format](results));
  return written;
}

async function askTarget(format: Format): Promise<string | undefined> {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
  const uri = await vscode.window.showSaveDialog({
    title: "Export Evaluation",
    filters: format === "csv" ? { CSV: ["csv"] } : { JSON: ["json"] },
    ...(folder === undefined
      ? {}
      : { defaultUri: vscode.Uri.file(path.join(folder, `evaluation.${format}`)) }),
  });
  return uri?.fsPath;
}

export async function deleteEvaluation(app: App, argument: unknown): Promise<void> {
  const file = fileOf(argument) ?? (await pick(app, "Delete which evaluation?"))?.file;
  if (file === undefined) return;
  const chosen = await ask(
    `Delete the evaluation ${path.basename(file, ".json")}?`,
    `Its figures are removed from disk:\n${file}`,
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
    void sayInformation(
      'No evaluation is kept in this workspace yet. "Retune: Evaluate…" makes one.',
    );
    return undefined;
  }
  return pickOne("", {
    placeHolder,
    choices: () =>
      evaluations.map((evaluation) => ({
        label: evaluation.name,
        description: formatWhen(evaluation.createdAt, Date.now()),
        value: evaluation,
      })),
  });
}
