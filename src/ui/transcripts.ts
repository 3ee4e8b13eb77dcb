/** Read-only documents that hold what models wrote, one per model, newest at the end. */
import * as vscode from "vscode";

const SCHEME = "retune-generated";
/** Text arrives token by token; redrawing an editor for each would flicker. */
const REDRAW_INTERVAL_MS = 80;

export class Transcripts implements vscode.TextDocumentContentProvider, vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.#changed.event;
  readonly #texts = new Map<string, string>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #registration: vscode.Disposable;

  constructor() {
    this.#registration = vscode.workspace.registerTextDocumentContentProvider(SCHEME, this);
  }

  /** @param name what the editor's tab says */
  async open(name: string): Promise<Transcript> {
    const uri = vscode.Uri.from({ scheme: SCHEME, path: `/${name.replaceAll("/", "∕")}.md` });
    const document = await vscode.workspace.openTextDocument(uri);
    const shown = vscode.window.visibleTextEditors.some((editor) => editor.document === document);
    if (!shown) {
      await vscode.window.showTextDocument(document, {
        viewColumn: vscode.ViewColumn.Beside,
        preserveFocus: true,
        preview: false,
      });
    }
    return { append: (text) => this.#append(uri, text) };
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.#texts.get(uri.toString()) ?? "";
  }

  dispose(): void {
    this.#registration.dispose();
    this.#changed.dispose();
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }

  #append(uri: vscode.Uri, text: string): void {
    const key = uri.toString();
    this.#texts.set(key, (this.#texts.get(key) ?? "") + text);
    if (this.#timers.has(key)) return;
    const timer = setTimeout(() => {
      this.#timers.delete(key);
      this.#changed.fire(uri);
      void revealEnd(uri);
    }, REDRAW_INTERVAL_MS);
    this.#timers.set(key, timer);
  }
}

export interface Transcript {
  append(text: string): void;
}

async function revealEnd(uri: vscode.Uri): Promise<void> {
  // The document takes the new text after this turn.
  await new Promise((resolve) => setTimeout(resolve, REDRAW_INTERVAL_MS));
  for (const editor of vscode.window.visibleTextEditors) {
    if (editor.document.uri.toString() !== uri.toString()) continue;
    const end = editor.document.lineAt(editor.document.lineCount - 1).range.end;
    editor.revealRange(new vscode.Range(end, end));
  }
}
