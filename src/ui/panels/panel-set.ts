import path from "node:path";
import * as vscode from "vscode";
import { panelTitle } from "./load-page.ts";

interface FolderPanel extends vscode.Disposable {
  reveal(): void;
}

interface PanelSetOptions {
  context: vscode.ExtensionContext;
  viewType: string;
  /** Of media/icons, without "-light.svg" and "-dark.svg". */
  icon: string;
  /** What the folder is called now. */
  nameOf: (dir: string) => string | undefined;
  /** The folder in what VS Code stored of a page; undefined when it is none of ours. */
  restore: (saved: unknown) => string | undefined;
  /** Takes the page over. */
  adopt: (panel: vscode.WebviewPanel, dir: string, mediaUri: vscode.Uri) => FolderPanel;
}

/** The open panels of one kind, one per folder at most. After a window reload VS Code brings them back. */
export class PanelSet implements vscode.Disposable {
  readonly #options: PanelSetOptions;
  readonly #mediaUri: vscode.Uri;
  readonly #icon: { light: vscode.Uri; dark: vscode.Uri };
  readonly #panels = new Map<string, FolderPanel>();
  readonly #serializer: vscode.Disposable;

  constructor(options: PanelSetOptions) {
    this.#options = options;
    const { extensionUri } = options.context;
    this.#mediaUri = vscode.Uri.joinPath(extensionUri, "dist", "media");
    const icon = (theme: string) =>
      vscode.Uri.joinPath(extensionUri, "media", "icons", `${options.icon}-${theme}.svg`);
    this.#icon = { light: icon("light"), dark: icon("dark") };
    this.#serializer = vscode.window.registerWebviewPanelSerializer(options.viewType, {
      deserializeWebviewPanel: async (panel, saved: unknown) => {
        const dir = options.restore(saved);
        if (dir !== undefined && !this.#panels.has(dir)) this.#adopt(panel, dir);
        else panel.dispose();
      },
    });
  }

  /** Shows what is in this folder; a panel that is open already comes to the front. */
  open(folder: string): void {
    const dir = path.resolve(folder);
    const known = this.#panels.get(dir);
    if (known !== undefined) return known.reveal();
    const { viewType, nameOf } = this.#options;
    const title = panelTitle(nameOf(dir) ?? path.basename(dir));
    const panel = vscode.window.createWebviewPanel(viewType, title, vscode.ViewColumn.Active, {
      enableFindWidget: true,
    });
    this.#adopt(panel, dir);
  }

  dispose(): void {
    this.#serializer.dispose();
    for (const panel of this.#panels.values()) panel.dispose();
    this.#panels.clear();
  }

  #adopt(panel: vscode.WebviewPanel, dir: string): void {
    panel.iconPath = this.#icon;
    const adopted = this.#options.adopt(panel, dir, this.#mediaUri);
    this.#panels.set(dir, adopted);
    panel.onDidDispose(() => {
      adopted.dispose();
      this.#panels.delete(dir);
    });
  }
}
