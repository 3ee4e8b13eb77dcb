/** Progress of the active runs in the status bar; nothing there while nothing trains. */
import * as vscode from "vscode";
import type { Run } from "../run-folder/run.ts";
import { isActive, isLive } from "../runs/run-status.ts";
import type { RunStore } from "../runs/run-store.ts";
import { plainLines, plainText } from "../util/plain-text.ts";
import { COMMANDS, VIEWS } from "./command-ids.ts";
import { describeRun, progressOf } from "./run-text.ts";

const MAX_NAME_CHARS = 24;

export class StatusBar implements vscode.Disposable {
  readonly #item: vscode.StatusBarItem;
  readonly #subscription: vscode.Disposable;

  constructor(store: RunStore) {
    this.#item = vscode.window.createStatusBarItem("runs", vscode.StatusBarAlignment.Left, 10);
    this.#item.name = "Retune Runs";
    this.#subscription = store.onDidChange(() => this.#show(store.runs()));
  }

  dispose(): void {
    this.#subscription.dispose();
    this.#item.dispose();
  }

  #show(runs: readonly Run[]): void {
    // Nothing is shown of a folder that nobody trusts unless somebody asked for it.
    if (!vscode.workspace.isTrusted) return this.#item.hide();
    const active = runs.filter((run) => isActive(run.status));
    const live = active.filter((run) => isLive(run.status));
    const [first] = live;
    if (first === undefined) return this.#item.hide();
    const percent = Math.floor((100 * sum(live.map(progressOf))) / live.length);
    const waiting = active.length - live.length;
    const more = waiting > 0 ? ` · ${waiting} waiting` : "";
    const isOne = live.length === 1;
    const what = isOne
      ? plainText(`${shorten(first.name)} ${describeRun(first)}`)
      : `${live.length} runs`;
    this.#item.text = `$(sync~spin) ${what} · ${percent} %${more}`;
    this.#item.tooltip = plainLines(
      active.map((run) => `${run.name}: ${describeRun(run)}`).join("\n"),
    );
    this.#item.accessibilityInformation = { label: `Retune: ${what}, ${percent} percent${more}` };
    this.#item.command = isOne
      ? { command: COMMANDS.openRun, title: "Open Run", arguments: [first.dir] }
      : { command: `${VIEWS.runs}.focus`, title: "Show Runs" };
    this.#item.show();
  }
}

function shorten(name: string): string {
  return name.length <= MAX_NAME_CHARS ? name : `${name.slice(0, MAX_NAME_CHARS - 1)}…`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
