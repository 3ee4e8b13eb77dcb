import path from "node:path";
import * as vscode from "vscode";
import { savedPanelSchema } from "../../protocol/panel-messages.ts";
import type { RunStore } from "../../runs/run-store.ts";
import { panelTitle, RunPanel } from "./run-panel.ts";

const VIEW_TYPE = "retune.run";

/** The open run panels, one per run at most. After a window reload VS Code brings them back. */
export class RunPanels implements vscode.Disposable {
  readonly #store: RunStore;
  readonly #mediaUri: vscode.Uri;
  readonly #icon: { light: vscode.Uri; dark: vscode.Uri };
  readonly #panels = new Map<string, RunPanel>();
  readonly #serializer: vscode.Disposable;

  constructor(context: vscode.ExtensionContext, store: RunStore) {
    this.#store = store;
    this.#mediaUri = vscode.Uri.joinPath(context.extensionUri, "dist", "media");
    const icon = (name: string) =>
      vscode.Uri.joinPath(context.extensionUri, "media", "icons", name);
    this.#icon = { light: icon("run-light.svg"), dark: icon("run-dark.svg") };
    this.#serializer = vscode.window.registerWebviewPanelSerializer(VIEW_TYPE, {
      deserializeWebviewPanel: async (panel, saved: unknown) => {
        const state = savedPanelSchema.safeParse(saved);
        if (state.success && !this.#panels.has(state.data.runDir)) {
          this.#adopt(panel, state.data.runDir);
        } else {
          panel.dispose();
        }
      },
    });
  }

  /** Shows the run in this folder; a panel that is open already comes to the front. */
  open(runDir: string): void {
    const dir = path.resolve(runDir);
    const known = this.#panels.get(dir);
    if (known !== undefined) return known.reveal();
    const title = panelTitle(this.#store.get(dir)?.name ?? path.basename(dir));
    const panel = vscode.window.createWebviewPanel(VIEW_TYPE, title, vscode.ViewColumn.Active, {
      enableFindWidget: true,
    });
    this.#adopt(panel, dir);
  }

  dispose(): void {
    this.#serializer.dispose();
    for (const panel of this.#panels.values()) panel.dispose();
    this.#panels.clear();
  }

  #adopt(panel: vscode.WebviewPanel, runDir: string): void {
    panel.iconPath = this.#icon;
    const options = { panel, runDir, store: this.#store, mediaUri: this.#mediaUri };
    const runPanel = new RunPanel(options);
    this.#panels.set(runDir, runPanel);
    panel.onDidDispose(() => {
      runPanel.dispose();
      this.#panels.delete(runDir);
    });
  }
}
