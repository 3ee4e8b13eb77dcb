/** Evaluations that are shown, each in a tab of its own, and their export. They last as long as their tab. */
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import * as vscode from "vscode";
import { EVALUATION_COLUMNS, type EvaluationResult } from "../../protocol/evaluation.ts";
import { toCsv } from "../../util/csv.ts";
import { InputError } from "../../util/errors.ts";
import { COMMANDS } from "../command-ids.ts";
import { evaluationHtml } from "./evaluation-html.ts";

const FORMATS = {
  csv: (results: readonly EvaluationResult[]) => toCsv(EVALUATION_COLUMNS, results),
  json: (results: readonly EvaluationResult[]) => `${JSON.stringify({ results }, null, 2)}\n`,
} as const;
type ExportFormat = keyof typeof FORMATS;

/** What the page's links say; `target` leaves the question out where to. */
interface ExportRequest {
  id: string;
  format: ExportFormat;
  target?: string;
}

export class EvaluationPanels implements vscode.Disposable {
  readonly #shown = new Map<
    string,
    { panel: vscode.WebviewPanel; results: readonly EvaluationResult[] }
  >();

  /** @returns what exports name it by */
  show(results: readonly EvaluationResult[]): string {
    const id = randomBytes(8).toString("hex");
    const panel = vscode.window.createWebviewPanel(
      "retune.evaluation",
      titleOf(results),
      vscode.ViewColumn.Active,
      {
        enableScripts: false,
        enableCommandUris: [COMMANDS.exportEvaluation],
        localResourceRoots: [],
      },
    );
    const link = (label: string, format: ExportFormat) => ({
      label,
      href: `command:${COMMANDS.exportEvaluation}?${encodeURIComponent(JSON.stringify([{ id, format }]))}`,
    });
    panel.webview.html = evaluationHtml({
      results,
      nonce: randomBytes(16).toString("hex"),
      links: [link("Export CSV…", "csv"), link("Export JSON…", "json")],
    });
    this.#shown.set(id, { panel, results });
    panel.onDidDispose(() => this.#shown.delete(id));
    return id;
  }

  /** @returns the file that was written; undefined when cancelled */
  async export(argument: unknown): Promise<string | undefined> {
    const { id, format, target } = argument as ExportRequest;
    const shown = this.#shown.get(id);
    if (!shown || !Object.hasOwn(FORMATS, format)) {
      throw new InputError("that evaluation is closed; run Evaluate… again to export it");
    }
    const file = target ?? (await askTarget(format));
    if (file === undefined) return undefined;
    await writeFile(file, FORMATS[format](shown.results));
    return file;
  }

  dispose(): void {
    for (const { panel } of this.#shown.values()) panel.dispose();
  }
}

function titleOf(results: readonly EvaluationResult[]): string {
  const models = [...new Set(results.map(({ model }) => model))];
  return models.length === 1 ? `Evaluation: ${models[0]}` : `Evaluation of ${models.length} models`;
}

async function askTarget(format: ExportFormat): Promise<string | undefined> {
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
