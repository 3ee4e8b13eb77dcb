/** Says that a sweep has ended which this window saw at work. */
import * as vscode from "vscode";
import { isActive } from "../runs/run-status.ts";
import type { Sweep } from "../runs/sweeps/sweep.ts";
import type { SweepStore } from "../runs/sweeps/sweep-store.ts";
import { COMMANDS } from "./command-ids.ts";
import { shortPaths } from "./short-paths.ts";
import { sweepEndSentence } from "./sweep-text.ts";

interface Button extends vscode.MessageItem {
  command: string;
}

const OPEN: Button = { title: "Open", command: COMMANDS.openSweep };
const CONTINUE: Button = { title: "Continue", command: COMMANDS.continueSweep };
const SHOW_LOG: Button = { title: "Show Log", command: COMMANDS.showSweepLog };

export class SweepNotifications implements vscode.Disposable {
  readonly #atWork = new Set<string>();
  readonly #subscription: vscode.Disposable;

  constructor(store: SweepStore) {
    this.#subscription = store.onDidChangeItem(({ type, item }) => {
      if (type === "removed") this.#atWork.delete(item.dir);
      else if (isActive(item.status)) this.#atWork.add(item.dir);
      else if (this.#atWork.delete(item.dir)) void announce(item);
    });
  }

  dispose(): void {
    this.#subscription.dispose();
  }
}

async function announce(sweep: Sweep): Promise<void> {
  // Whoever stopped it knows.
  if (sweep.status === "stopped") return;
  const { window } = vscode;
  const sentence = shortPaths(sweepEndSentence(sweep));
  const chosen =
    sweep.status === "finished"
      ? await window.showInformationMessage(sentence, OPEN)
      : sweep.status === "interrupted"
        ? await window.showWarningMessage(sentence, CONTINUE, OPEN)
        : await window.showErrorMessage(sentence, OPEN, SHOW_LOG);
  if (chosen) await vscode.commands.executeCommand(chosen.command, sweep.dir);
}
