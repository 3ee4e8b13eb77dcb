/** The evaluations that the open folders keep. Like the models, looked for only when somebody asks. */
import * as vscode from "vscode";
import { EVALUATIONS_FOLDER } from "../../protocol/evaluation.ts";
import { type EvaluationFile, savedEvaluations } from "../../runs/evaluations.ts";
import { localFolders } from "../local-folders.ts";
import { Catalog } from "./catalog.ts";

export class EvaluationCatalog extends Catalog<EvaluationFile> {
  readonly #watcher = vscode.workspace.createFileSystemWatcher(`**/${EVALUATIONS_FOLDER}/*.json`);

  constructor() {
    super();
    for (const onDid of [this.#watcher.onDidCreate, this.#watcher.onDidDelete]) {
      onDid(() => this.invalidate());
    }
  }

  override dispose(): void {
    this.#watcher.dispose();
    super.dispose();
  }

  protected override async search(): Promise<readonly EvaluationFile[]> {
    const found = await Promise.all(localFolders().map(savedEvaluations));
    return found.flat();
  }
}
