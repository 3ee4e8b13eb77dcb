/** A list that is searched for when somebody asks, and kept until it is known to be stale. */
import * as vscode from "vscode";

export abstract class Catalog<Entry> {
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.#changed.event;
  #entries: Promise<readonly Entry[]> | undefined;

  protected abstract search(): Promise<readonly Entry[]>;

  /** Has anybody asked since the start or the last change? */
  get isSearched(): boolean {
    return this.#entries !== undefined;
  }

  /** Empty in a folder that is not trusted. */
  entries(): Promise<readonly Entry[]> {
    this.#entries ??= this.#searchIfTrusted().catch((error: unknown) => {
      this.#entries = undefined;
      throw error;
    });
    return this.#entries;
  }

  invalidate(): void {
    this.#entries = undefined;
    this.#changed.fire();
  }

  dispose(): void {
    this.#changed.dispose();
  }

  async #searchIfTrusted(): Promise<readonly Entry[]> {
    return vscode.workspace.isTrusted ? this.search() : [];
  }
}
