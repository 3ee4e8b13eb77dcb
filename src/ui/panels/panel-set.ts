import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as vscode from "vscode";
import { panelTitle } from "./load-page.ts";

interface PanelSetOptions {
  context: vscode.ExtensionContext;
  viewType: string;
  /** The name of a pair in media/icons, without "-light.svg" and "-dark.svg". */
  icon: string;
  /** What the folder is called now; left out where who opens it says so. */
  nameOf?: (dir: string) => string | undefined;
  /** The folder in what VS Code stored of a page; undefined when it is none of ours. */
  restore: (saved: unknown) => string | undefined;
  /** Takes the page over. */
  adopt: (panel: vscode.WebviewPanel, dir: string, mediaUri: vscode.Uri) => vscode.Disposable;
}

/** Where a tab stands. */
interface DormantTab {
  column: vscode.ViewColumn;
  index: number;
}

/** VS Code names its first eight groups of editors so. */
const FOCUS_GROUP = [
  "First",
  "Second",
  "Third",
  "Fourth",
  "Fifth",
  "Sixth",
  "Seventh",
  "Eighth",
] as const;
const WAKE_LIMIT_MS = 3_000;
const WAKE_POLL_MS = 50;

/** The open panels of one kind, one per folder at most. After a window reload VS Code brings them back. */
export class PanelSet implements vscode.Disposable {
  readonly #options: PanelSetOptions;
  readonly #mediaUri: vscode.Uri;
  readonly #icon: { light: vscode.Uri; dark: vscode.Uri };
  readonly #panels = new Map<string, vscode.WebviewPanel>();
  readonly #waking = new Set<string>();
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

  /**
   * Shows what is in this folder; a panel that is open already comes to the front.
   * @param name what it is called, where that is known
   */
  open(folder: string, name?: string): void {
    const dir = path.resolve(folder);
    const known = this.#panels.get(dir);
    if (known !== undefined) return known.reveal();
    if (this.#waking.has(dir)) return;
    const title = panelTitle(name ?? this.#options.nameOf?.(dir) ?? path.basename(dir));
    const dormant = this.#dormantTab(title);
    if (dormant === undefined) return this.#create(dir, title);
    this.#waking.add(dir);
    void this.#wake(dormant, dir).finally(() => {
      this.#waking.delete(dir);
      // It was of another folder of that name.
      if (!this.#panels.has(dir)) this.#create(dir, title);
    });
  }

  /**
   * A tab from before the window was reloaded that nobody has looked at since: VS Code hands its panel
   * over when it is shown, and until then it has nothing but its title.
   */
  #dormantTab(title: string): DormantTab | undefined {
    const found = vscode.window.tabGroups.all.flatMap(({ tabs, viewColumn: column }) =>
      tabs.flatMap((tab, index) => (this.#isOurs(tab, title) ? [{ column, index }] : [])),
    );
    const awake = [...this.#panels.values()].filter((panel) => panel.title === title);
    return found.length > awake.length ? found[0] : undefined;
  }

  #isOurs({ label, input }: vscode.Tab, title: string): boolean {
    const isWebview = input instanceof vscode.TabInputWebview;
    return isWebview && label === title && input.viewType.endsWith(this.#options.viewType);
  }

  /** Brings the tab to the front, and waits until its panel has come. */
  async #wake({ column, index }: DormantTab, dir: string): Promise<void> {
    const focus = FOCUS_GROUP[column - 1];
    if (focus === undefined) return;
    const { executeCommand } = vscode.commands;
    await executeCommand(`workbench.action.focus${focus}EditorGroup`);
    await executeCommand("workbench.action.openEditorAtIndex", index);
    const until = Date.now() + WAKE_LIMIT_MS;
    while (!this.#panels.has(dir) && Date.now() < until) await sleep(WAKE_POLL_MS);
  }

  #create(dir: string, title: string): void {
    const { viewType } = this.#options;
    const panel = vscode.window.createWebviewPanel(viewType, title, vscode.ViewColumn.Active, {
      enableFindWidget: true,
    });
    this.#adopt(panel, dir);
  }

  /** Closes the panel of this folder, if one is open. */
  close(folder: string): void {
    this.#panels.get(path.resolve(folder))?.dispose();
  }

  dispose(): void {
    this.#serializer.dispose();
    for (const panel of this.#panels.values()) panel.dispose();
    this.#panels.clear();
  }

  #adopt(panel: vscode.WebviewPanel, dir: string): void {
    panel.iconPath = this.#icon;
    const adopted = this.#options.adopt(panel, dir, this.#mediaUri);
    this.#panels.set(dir, panel);
    panel.onDidDispose(() => {
      adopted.dispose();
      this.#panels.delete(dir);
    });
  }
}
