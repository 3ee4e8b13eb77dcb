/** Where runs are looked for and where new ones go: `.retune/runs` of the open folders. */
import path from "node:path";
import * as vscode from "vscode";
import { RUNS_FOLDER } from "../protocol/run-folder.ts";
import type { RunStore } from "../runs/run-store.ts";

export class RunRoots implements vscode.Disposable {
  readonly #store: RunStore;
  readonly #subscription: vscode.Disposable;
  /** Of recipes that lie outside the open folders; for this window only. */
  readonly #extra = new Set<string>();
  #applied: Promise<void> = Promise.resolve();

  constructor(store: RunStore) {
    this.#store = store;
    this.#subscription = vscode.workspace.onDidChangeWorkspaceFolders(() => void this.apply());
  }

  /** Settles when the runs have been looked at for the first time. */
  get applied(): Promise<void> {
    return this.#applied;
  }

  apply(): Promise<void> {
    const folders = vscode.workspace.workspaceFolders ?? [];
    const local = folders.filter((folder) => folder.uri.scheme === "file");
    const roots = local.map((folder) => path.join(folder.uri.fsPath, RUNS_FOLDER));
    this.#applied = this.#store.setRoots([...new Set([...roots, ...this.#extra])]);
    return this.#applied;
  }

  /** The runs folder for a recipe: of the open folder that it lies in, else beside the recipe. */
  async forRecipe(recipe: vscode.Uri): Promise<string> {
    const folder = vscode.workspace.getWorkspaceFolder(recipe)?.uri.fsPath;
    const root = path.join(folder ?? path.dirname(recipe.fsPath), RUNS_FOLDER);
    if (folder === undefined && !this.#extra.has(root)) {
      this.#extra.add(root);
      await this.apply();
    }
    return root;
  }

  dispose(): void {
    this.#subscription.dispose();
  }
}
