/** Where runs and interpolations are looked for and where new ones go: `.retune` of the open folders. */
import path from "node:path";
import * as vscode from "vscode";
import { RUNS_FOLDER } from "../protocol/run-folder.ts";
import { INTERPOLATIONS_FOLDER, OLD_INTERPOLATIONS_FOLDER } from "../protocol/interpolation.ts";
import type { RunStore } from "../runs/run-store.ts";
import type { InterpolationStore } from "../runs/interpolations/interpolation-store.ts";
import { localFolders } from "./local-folders.ts";

export class RunRoots implements vscode.Disposable {
  readonly #store: RunStore;
  readonly #interpolations: InterpolationStore;
  readonly #subscription: vscode.Disposable;
  /** Folders of recipes that lie outside the open ones; for this window only. */
  readonly #extra = new Set<string>();
  readonly #extraInterpolations = new Set<string>();
  #applied: Promise<void> = Promise.resolve();

  constructor(store: RunStore, interpolations: InterpolationStore) {
    this.#store = store;
    this.#interpolations = interpolations;
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
      this.#interpolations.setRoots([
        ...new Set([
          ...roots(INTERPOLATIONS_FOLDER),
          ...roots(OLD_INTERPOLATIONS_FOLDER),
          ...this.#extraInterpolations,
        ]),
      ]),
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

  /** The interpolations folder: of the open folder that the fine-tune lies in or, failing that, of the first; else beside it. */
  async forInterpolation(tuned: string): Promise<string> {
    const folder =
      vscode.workspace.getWorkspaceFolder(vscode.Uri.file(tuned))?.uri.fsPath ?? localFolders()[0];
    const root = path.join(folder ?? path.dirname(tuned), INTERPOLATIONS_FOLDER);
    if (folder === undefined && !this.#extraInterpolations.has(root)) {
      this.#extraInterpolations.add(root);
      await this.apply();
    }
    return root;
  }

  dispose(): void {
    this.#subscription.dispose();
  }
}
