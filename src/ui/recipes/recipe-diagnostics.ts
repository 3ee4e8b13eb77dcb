import path from "node:path";
import * as vscode from "vscode";
import { checkRecipe } from "./check-recipe.ts";
import { RECIPE_SUFFIX } from "./recipe-text.ts";

const TYPING_PAUSE_MS = 300;

/** Marks missing files in open recipes, while typing and when a file comes or goes. */
export class RecipeDiagnostics implements vscode.Disposable {
  readonly #collection = vscode.languages.createDiagnosticCollection("retune");
  readonly #disposables: vscode.Disposable[];
  readonly #timers = new Map<string, NodeJS.Timeout>();

  constructor() {
    const { workspace } = vscode;
    const checkAll = () => workspace.textDocuments.forEach((document) => this.#checkSoon(document));
    this.#disposables = [
      this.#collection,
      workspace.onDidOpenTextDocument((document) => this.#checkSoon(document)),
      workspace.onDidChangeTextDocument(({ document }) => this.#checkSoon(document)),
      workspace.onDidCloseTextDocument((document) => this.#collection.delete(document.uri)),
      workspace.onDidCreateFiles(checkAll),
      workspace.onDidDeleteFiles(checkAll),
      workspace.onDidRenameFiles(checkAll),
      vscode.window.onDidChangeActiveTextEditor((editor) => {
        if (editor) this.#checkSoon(editor.document);
      }),
    ];
    checkAll();
  }

  dispose(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    for (const disposable of this.#disposables) disposable.dispose();
  }

  #checkSoon(document: vscode.TextDocument): void {
    const { scheme, fsPath } = document.uri;
    if (scheme !== "file" || !fsPath.endsWith(RECIPE_SUFFIX)) return;
    const key = document.uri.toString();
    clearTimeout(this.#timers.get(key));
    const timer = setTimeout(() => {
      this.#timers.delete(key);
      void this.#check(document);
    }, TYPING_PAUSE_MS);
    this.#timers.set(key, timer);
  }

  async #check(document: vscode.TextDocument): Promise<void> {
    const { version, uri } = document;
    const findings = await checkRecipe(document.getText(), path.dirname(uri.fsPath));
    if (document.version !== version || document.isClosed) return;
    const diagnostics = findings.map(({ offset, length, severity, message }) => {
      const range = new vscode.Range(
        document.positionAt(offset),
        document.positionAt(offset + length),
      );
      const { Error, Warning } = vscode.DiagnosticSeverity;
      const level = severity === "error" ? Error : Warning;
      const diagnostic = new vscode.Diagnostic(range, message, level);
      diagnostic.source = "Retune";
      return diagnostic;
    });
    this.#collection.set(uri, diagnostics);
  }
}
