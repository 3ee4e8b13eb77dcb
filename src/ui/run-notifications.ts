/**
 * Says once that a run has ended, also when the window was closed or reloaded meanwhile: a run that
 * was seen alive is owed a notification, and the debt is kept in the workspace's storage. Runs that
 * were never seen alive (old ones, copied ones) are silent.
 */
import * as vscode from "vscode";
import type { Run } from "../run-folder/run.ts";
import { isActive } from "../runs/run-status.ts";
import type { RunStore } from "../runs/run-store.ts";
import { COMMANDS } from "./command-ids.ts";
import { type OpenLine, openLineOf, press } from "./open-line.ts";
import { endSentence } from "./run-text.ts";
import { writesText } from "../protocol/objectives.ts";
import { sayError, sayInformation, sayWarning } from "./say.ts";

const OWED_KEY = "retune.owedNotifications";

export class RunNotifications implements vscode.Disposable {
  readonly #memory: vscode.Memento;
  readonly #subscription: vscode.Disposable;
  readonly #owed: Set<string>;

  constructor(store: RunStore, memory: vscode.Memento) {
    this.#memory = memory;
    this.#owed = new Set(memory.get<string[]>(OWED_KEY, []));
    this.#subscription = store.onDidChange(({ type, run }) => {
      if (type === "removed") this.#settle(run.dir);
      else if (type !== "metrics" && type !== "log") this.#see(run);
    });
  }

  /** A run that is about to start: owed even when it ends before the next look at its folder. */
  expect(runDir: string): void {
    if (this.#owed.has(runDir)) return;
    this.#owed.add(runDir);
    void this.#save();
  }

  dispose(): void {
    this.#subscription.dispose();
  }

  #see(run: Run): void {
    // Nothing is said of a folder that nobody trusts unless somebody asked for it.
    if (!vscode.workspace.isTrusted) return;
    if (isActive(run.status)) this.expect(run.dir);
    else if (this.#settle(run.dir)) void announce(run);
  }

  #settle(runDir: string): boolean {
    const wasOwed = this.#owed.delete(runDir);
    if (wasOwed) void this.#save();
    return wasOwed;
  }

  async #save(): Promise<void> {
    await this.#memory.update(OWED_KEY, [...this.#owed]);
  }
}

interface Button extends vscode.MessageItem {
  command: string;
}

const OPEN: Button = { title: "Open", command: COMMANDS.openRun };
const GENERATE: Button = { title: "Generate…", command: COMMANDS.generate };
const CLASSIFY: Button = { title: "Classify Text…", command: COMMANDS.classify };
const RESUME: Button = { title: "Resume", command: COMMANDS.resumeRun };
const SHOW_LOG: Button = { title: "Show Log", command: COMMANDS.showLog };

async function announce(run: Run): Promise<void> {
  const isKnown = run.recipe !== undefined || run.foreign === undefined;
  const canUse = isKnown && (run.hasAdapter || run.hasModel);
  const use = run.recipe && !writesText(run.recipe) ? CLASSIFY : GENERATE;
  const sentence = endSentence(run);
  const place = run.status === "failed" ? await openLineOf(run.state?.message) : undefined;
  const chosen =
    run.status === "finished" || run.status === "stopped"
      ? await sayInformation(sentence, OPEN, ...(canUse ? [use] : []))
      : run.status === "interrupted"
        ? await sayWarning(sentence, ...(run.foreign ? [] : [RESUME]), OPEN, SHOW_LOG)
        : await sayError<Button | OpenLine>(sentence, ...(place ? [place] : []), SHOW_LOG, OPEN);
  await press(chosen, run.dir);
}
