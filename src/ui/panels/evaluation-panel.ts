import { randomBytes } from "node:crypto";
import type * as vscode from "vscode";
import { type EvaluationFile, readSavedEvaluation } from "../../runs/evaluations.ts";
import { errorMessage } from "../../util/errors.ts";
import { COMMANDS } from "../command-ids.ts";
import { shortPaths } from "../short-paths.ts";
import { escapeHtml } from "./escape-html.ts";
import { evaluationHtml } from "./evaluation-html.ts";
import { panelTitle } from "./load-page.ts";

/** One evaluation's tab: it shows what the file holds, as it was when the tab was opened or came back. */
export class EvaluationPanel implements vscode.Disposable {
  readonly #panel: vscode.WebviewPanel;
  #isDisposed = false;

  constructor(panel: vscode.WebviewPanel, file: string) {
    this.#panel = panel;
    panel.webview.options = {
      enableScripts: true,
      enableCommandUris: [COMMANDS.exportEvaluation],
      localResourceRoots: [],
    };
    void readSavedEvaluation(file).then(
      (saved) => this.#show(saved),
      (error: unknown) => this.#load(`<p>${escapeHtml(shortPaths(errorMessage(error)))}</p>`),
    );
  }

  dispose(): void {
    this.#isDisposed = true;
  }

  #show(saved: EvaluationFile): void {
    const { file } = saved;
    const link = (label: string, format: "csv" | "json") => ({
      label,
      href: `command:${COMMANDS.exportEvaluation}?${encodeURIComponent(JSON.stringify([{ file, format }]))}`,
    });
    this.#load(
      evaluationHtml({
        results: saved.results,
        title: saved.name,
        made: new Date(saved.createdAt).toLocaleString(),
        state: { file },
        nonce: randomBytes(16).toString("hex"),
        short: shortPaths,
        links: [link("Export CSV…", "csv"), link("Export JSON…", "json")],
      }),
    );
    this.#panel.title = panelTitle(saved.name);
  }

  #load(html: string): void {
    if (!this.#isDisposed) this.#panel.webview.html = html;
  }
}
