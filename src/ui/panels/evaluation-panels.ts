/** Evaluations, each a file of the open folder and a tab that comes back after a reload; and their export. */
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import * as vscode from "vscode";
import * as z from "zod";
import { EVALUATION_COLUMNS, type EvaluationResult } from "../../protocol/evaluation.ts";
import {
  type EvaluationFile,
  readSavedEvaluation,
  saveEvaluation,
} from "../../runs/evaluations.ts";
import { toCsv } from "../../util/csv.ts";
import { errorMessage, InputError } from "../../util/errors.ts";
import { COMMANDS } from "../command-ids.ts";
import { shortPaths } from "../short-paths.ts";
import { evaluationHtml } from "./evaluation-html.ts";
import { panelTitle } from "./load-page.ts";

const VIEW_TYPE = "retune.evaluation";
const FORMATS = {
  csv: (results: readonly EvaluationResult[]) => toCsv(EVALUATION_COLUMNS, results),
  json: (results: readonly EvaluationResult[]) => `${JSON.stringify({ results }, null, 2)}\n`,
} as const;

/** What the page's links say; `target` leaves the question out where to. */
const exportRequestSchema = z.object({
  file: z.string(),
  format: z.enum(["csv", "json"]),
  target: z.string().optional(),
});
const pageStateSchema = z.object({ file: z.string() });

export class EvaluationPanels implements vscode.Disposable {
  readonly #open = new Map<string, vscode.WebviewPanel>();
  readonly #serializer = vscode.window.registerWebviewPanelSerializer(VIEW_TYPE, {
    deserializeWebviewPanel: async (panel, stored: unknown) => {
      const state = pageStateSchema.safeParse(stored);
      const saved = state.data && (await readSavedEvaluation(state.data.file).catch(errorMessage));
      if (saved === undefined || typeof saved === "string") panel.dispose();
      else this.#adopt(panel, saved);
    },
  });

  /**
   * Keeps the results in the open folder and shows them.
   * @returns the file that keeps them, by which exports name it
   */
  async keep(workspace: string, results: readonly EvaluationResult[]): Promise<string> {
    const saved = await saveEvaluation(workspace, results);
    this.#show(saved);
    return saved.file;
  }

  /** @throws InputError when the file is gone or broken */
  async open(file: string): Promise<void> {
    this.#show(await readSavedEvaluation(file));
  }

  close(file: string): void {
    this.#open.get(file)?.dispose();
  }

  /**
   * @returns the file that was written; undefined when cancelled
   * @throws InputError when the evaluation's own file is gone or broken
   */
  async export(argument: unknown): Promise<string | undefined> {
    const request = exportRequestSchema.safeParse(argument);
    if (!request.success) throw new InputError("export an evaluation by the links of its tab");
    const { file, format, target } = request.data;
    const { results } = await readSavedEvaluation(file);
    const written = target ?? (await askTarget(format));
    if (written === undefined) return undefined;
    await writeFile(written, FORMATS[format](results));
    return written;
  }

  dispose(): void {
    this.#serializer.dispose();
    for (const panel of this.#open.values()) panel.dispose();
  }

  #show(saved: EvaluationFile): void {
    const known = this.#open.get(saved.file);
    if (known !== undefined) return known.reveal();
    const title = panelTitle(saved.name);
    this.#adopt(
      vscode.window.createWebviewPanel(VIEW_TYPE, title, vscode.ViewColumn.Active, {}),
      saved,
    );
  }

  #adopt(panel: vscode.WebviewPanel, saved: EvaluationFile): void {
    const { file } = saved;
    if (this.#open.has(file)) return panel.dispose();
    this.#open.set(file, panel);
    panel.onDidDispose(() => this.#open.delete(file));
    panel.webview.options = {
      enableScripts: true,
      enableCommandUris: [COMMANDS.exportEvaluation],
      localResourceRoots: [],
    };
    const link = (label: string, format: keyof typeof FORMATS) => ({
      label,
      href: `command:${COMMANDS.exportEvaluation}?${encodeURIComponent(JSON.stringify([{ file, format }]))}`,
    });
    panel.webview.html = evaluationHtml({
      results: saved.results,
      title: saved.name,
      made: new Date(saved.createdAt).toLocaleString(),
      state: { file },
      nonce: randomBytes(16).toString("hex"),
      short: shortPaths,
      links: [link("Export CSV…", "csv"), link("Export JSON…", "json")],
    });
  }
}

async function askTarget(format: keyof typeof FORMATS): Promise<string | undefined> {
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
