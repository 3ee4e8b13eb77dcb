import path from "node:path";
import * as vscode from "vscode";
import {
  fromLabSchema,
  type LabAction,
  type InterpolationView,
  type ToLab,
} from "../../protocol/lab-messages.ts";
import { INTERPOLATION_FILES, type InterpolationState } from "../../protocol/interpolation.ts";
import { summariseInterpolation } from "../../runs/interpolations/summary.ts";
import { readInterpolation, type Interpolation } from "../../runs/interpolations/interpolation.ts";
import type { InterpolationStore } from "../../runs/interpolations/interpolation-store.ts";
import { errorMessage } from "../../util/errors.ts";
import { COMMANDS } from "../command-ids.ts";
import { shortPaths } from "../short-paths.ts";
import { loadPage, panelTitle } from "./load-page.ts";
import { readLastLines } from "./log-tail.ts";

interface LabPanelOptions {
  panel: vscode.WebviewPanel;
  interpolationDir: string;
  store: InterpolationStore;
  /** The folder of the page's script and style sheet, the only one that it may load from. */
  mediaUri: vscode.Uri;
}

/** At most this often does a page hear of changes. */
const SEND_INTERVAL_MS = 200;
/** How often an interpolation outside the store's folders is looked at. */
const FOREIGN_POLL_MS = 2_000;
const LOG_TAIL = { maxLines: 200, maxBytes: 64 * 1024 };

const ACTIONS: Record<LabAction, string> = {
  stop: COMMANDS.stopInterpolation,
  continue: COMMANDS.continueInterpolation,
  showLog: COMMANDS.showInterpolationLog,
  exportCsv: COMMANDS.exportInterpolationCsv,
  exportJson: COMMANDS.exportInterpolationJson,
};

/**
 * One interpolation's panel, host side. A hidden page does not exist (its context is not retained): it says
 * `ready` when it is shown again and gets everything anew.
 */
export class LabPanel implements vscode.Disposable {
  readonly #options: LabPanelOptions;
  readonly #disposables: vscode.Disposable[] = [];
  #sendTimer: NodeJS.Timeout | undefined;
  #isReady = false;
  #last = { interpolation: "", log: "" };

  constructor(options: LabPanelOptions) {
    this.#options = options;
    const { panel, interpolationDir, store, mediaUri } = options;
    this.#disposables.push(
      panel.webview.onDidReceiveMessage((message: unknown) => this.#receive(message)),
      panel.onDidChangeViewState(() => this.#visibilityChanged()),
      store.onDidChangeItem(({ type, item }) => {
        if (item.dir !== interpolationDir) return;
        if (type === "removed") void this.#closeIfGone();
        else this.#changed();
      }),
    );
    const poll = setInterval(() => {
      if (store.get(interpolationDir) === undefined) this.#changed();
    }, FOREIGN_POLL_MS);
    this.#disposables.push({ dispose: () => clearInterval(poll) });
    loadPage(panel, {
      name: "lab-panel",
      mediaUri,
      shows: { attribute: "interpolation-dir", value: interpolationDir },
    });
  }

  dispose(): void {
    clearTimeout(this.#sendTimer);
    this.#isReady = false;
    for (const disposable of this.#disposables.splice(0)) disposable.dispose();
  }

  #receive(data: unknown): void {
    const message = fromLabSchema.safeParse(data);
    if (!message.success) return;
    const { interpolationDir } = this.#options;
    switch (message.data.type) {
      case "ready":
        this.#startOver();
        break;
      case "action":
        void this.#run(ACTIONS[message.data.action], interpolationDir);
        break;
      case "save":
        void this.#run(COMMANDS.saveMix, interpolationDir, message.data.alpha);
        break;
    }
  }

  /** Most often a page that is shown again was loaded anew and says `ready` too; if it lived on, it never would. */
  #visibilityChanged(): void {
    if (this.#options.panel.visible && this.#isReady) this.#startOver();
  }

  #startOver(): void {
    this.#isReady = true;
    this.#last = { interpolation: "", log: "" };
    this.#changed();
  }

  async #run(command: string, ...args: unknown[]): Promise<void> {
    try {
      await vscode.commands.executeCommand(command, ...args);
    } catch (error) {
      this.#post({ type: "problem", message: errorMessage(error) });
    }
  }

  #changed(): void {
    if (!this.#isReady || this.#sendTimer !== undefined) return;
    const delay = this.#last.interpolation === "" ? 0 : SEND_INTERVAL_MS;
    this.#sendTimer = setTimeout(() => {
      this.#sendTimer = undefined;
      void this.#send().catch((error: unknown) =>
        this.#post({ type: "problem", message: errorMessage(error) }),
      );
    }, delay);
  }

  async #send(): Promise<void> {
    const { store, interpolationDir, panel } = this.#options;
    if (!panel.visible) return;
    const interpolation =
      store.get(interpolationDir) ?? (await readInterpolation(interpolationDir));
    if (interpolation === undefined) {
      const message = `${interpolationDir}: no interpolation here any more; it was deleted or moved. Close this tab.`;
      this.#post({ type: "problem", message });
      return;
    }
    const title = panelTitle(interpolation.name);
    if (panel.title !== title) panel.title = title;
    this.#postChanged("interpolation", {
      type: "interpolation",
      interpolation: toView(interpolation),
    });
    const lines = await readLastLines(
      path.join(interpolationDir, INTERPOLATION_FILES.log),
      LOG_TAIL,
    );
    this.#postChanged("log", { type: "log", lines });
  }

  #postChanged(part: "interpolation" | "log", message: ToLab): void {
    const json = JSON.stringify(message);
    if (json === this.#last[part]) return;
    this.#last[part] = json;
    this.#post(message);
  }

  #post(message: ToLab): void {
    if (this.#isReady) void this.#options.panel.webview.postMessage(message);
  }

  /** Also an interpolation whose workspace folder was closed leaves the store: its panel may stay. */
  async #closeIfGone(): Promise<void> {
    const interpolation = await readInterpolation(this.#options.interpolationDir).catch(
      () => undefined,
    );
    if (interpolation === undefined) this.#options.panel.dispose();
  }
}

function withShortPaths(state: InterpolationState): InterpolationState {
  const { message } = state;
  return message === undefined ? state : { ...state, message: shortPaths(message) };
}

function toView(interpolation: Interpolation): InterpolationView {
  const { dir, name, status, state, definition, problem, points } = interpolation;
  return {
    interpolationDir: dir,
    name,
    status,
    ...(state === undefined ? {} : { state: withShortPaths(state) }),
    ...(problem === undefined ? {} : { problem }),
    ...(definition === undefined
      ? {}
      : { definition, summary: summariseInterpolation(definition, points) }),
    points,
  };
}
