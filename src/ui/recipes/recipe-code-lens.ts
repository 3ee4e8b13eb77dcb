import path from "node:path";
import * as vscode from "vscode";
import type { RunStore } from "../../runs/run-store.ts";
import { COMMANDS } from "../command-ids.ts";
import { RECIPE_SUFFIX } from "./recipe-text.ts";

/** Above a recipe: Start Run, Freeze Layers…, and the newest run that was started from it. */
export class RecipeCodeLens implements vscode.CodeLensProvider, vscode.Disposable {
  readonly #store: RunStore;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChangeCodeLenses = this.#changed.event;
  readonly #disposables: vscode.Disposable[];

  constructor(store: RunStore) {
    this.#store = store;
    const shown = new Map<string, string>();
    this.#disposables = [
      this.#changed,
      vscode.languages.registerCodeLensProvider(
        { scheme: "file", pattern: `**/*${RECIPE_SUFFIX}` },
        this,
      ),
      store.onDidChange(({ type, run }) => {
        // Only the status is shown: a lens that redraws at every step would flicker.
        if (shown.get(run.dir) === run.status && type !== "removed") return;
        shown.set(run.dir, run.status);
        this.#changed.fire();
      }),
    ];
  }

  provideCodeLenses(document: vscode.TextDocument): vscode.CodeLens[] {
    const range = new vscode.Range(0, 0, 0, 0);
    const start = {
      title: "$(play) Start Run",
      tooltip: "Save the recipe and start training",
      command: COMMANDS.startRunFromRecipe,
      arguments: [document.uri],
    };
    const freeze = {
      title: "$(layers) Freeze Layers…",
      tooltip: "Choose what is trained, layer by layer",
      command: COMMANDS.freezeLayers,
      arguments: [document.uri],
    };
    const lenses = [new vscode.CodeLens(range, start), new vscode.CodeLens(range, freeze)];
    const recipePath = path.resolve(document.uri.fsPath);
    const last = this.#store
      .runs()
      .find((run) => (run.recipe ?? run.foreign)?.source?.recipePath === recipePath);
    if (last !== undefined) {
      const open = {
        title: `$(graph-line) Open Last Run (${last.status})`,
        command: COMMANDS.openRun,
        arguments: [last.dir],
      };
      lenses.push(new vscode.CodeLens(range, open));
    }
    return lenses;
  }

  dispose(): void {
    for (const disposable of this.#disposables) disposable.dispose();
  }
}
