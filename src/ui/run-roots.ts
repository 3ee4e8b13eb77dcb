/** Where runs and sweeps are looked for and where new ones go: `.retune` of the open folders. */
import path from "node:path";
import * as vscode from "vscode";
import { RUNS_FOLDER } from "../protocol/run-folder.ts";
import { SWEEPS_FOLDER } from "../protocol/sweep.ts";
import type { RunStore } from "../runs/run-store.ts";
import type { SweepStore } from "../runs/sweeps/sweep-store.ts";
import { localFolders } from "./local-folders.ts";

export class RunRoots implements vscode.Disposable {
  readonly #store: RunStore;
  readonly #sweeps: SweepStore;
  readonly #subscription: vscode.Disposable;
  /** Of recipes that lie outside the open folders; for this window only. */
  readonly #extra = new Set<string>();
  readonly #extraSweeps = new Set<string>();
  #applied: Promise<void> = Promise.resolve();

  constructor(store: RunStore, sweeps: SweepStore) {
    this.#store = store;
    this.#sweeps = sweeps;
    this.#subscription = vscode.workspace.onDidChangeWorkspaceFolders(() => void this.apply());
  }

  /** Settles when the runs have been looked at for the first time. */
  get applied(): Promise<void> {
    return this.#applied;
  }

  apply(): Promise<void> {
    const roots = (name: string) => localFolders().map((folder) => path.join(folder, name));
    this.#applied = Promise.all([
      this.#store.setRoots([...new Set([...roots(RUNS_FOLDER), ...this.#extra])]),
      this.#sweeps.setRoots([...new Set([...roots(SWEEPS_FOLDER), ...this.#extraSweeps])]),
    ]).then(() => undefined);
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

  /** The sweeps folder: of the open folder that the fine-tune lies in or, failing that, of the first; else beside it. */
  async forSweep(tuned: string): Promise<string> {
    const folder =
      vscode.workspace.getWorkspaceFolder(vscode.Uri.file(tuned))?.uri.fsPath ?? localFolders()[0];
    const root = path.join(folder ?? path.dirname(tuned), SWEEPS_FOLDER);
    if (folder === undefined && !this.#extraSweeps.has(root)) {
      this.#extraSweeps.add(root);
      await this.apply();
    }
    return root;
  }

  dispose(): void {
    this.#subscription.dispose();
  }
}
