/** Says that an interpolation has ended which this window started or saw at work. */
import * as vscode from "vscode";
import { isActive } from "../runs/run-status.ts";
import type { Interpolation } from "../runs/interpolations/interpolation.ts";
import type { InterpolationStore } from "../runs/interpolations/interpolation-store.ts";
import { COMMANDS } from "./command-ids.ts";
import { type OpenLine, openLineOf, press } from "./open-line.ts";
import { sayError, sayInformation, sayWarning } from "./say.ts";
import { interpolationEndSentence } from "./interpolation-text.ts";

interface Button extends vscode.MessageItem {
  command: string;
}

const OPEN: Button = { title: "Open", command: COMMANDS.openInterpolation };
const CONTINUE: Button = { title: "Continue", command: COMMANDS.continueInterpolation };
const SHOW_LOG: Button = { title: "Show Log", command: COMMANDS.showInterpolationLog };

export class InterpolationNotifications implements vscode.Disposable {
  /** How each was left when this window last saw or started it. */
  readonly #atWork = new Map<string, string | undefined>();
  readonly #subscription: vscode.Disposable;

  constructor(store: InterpolationStore) {
    this.#subscription = store.onDidChangeItem(({ type, item }) => {
      // Nothing is said of a folder that nobody trusts unless somebody asked for it.
      if (!vscode.workspace.isTrusted) return;
      if (type === "removed") this.#atWork.delete(item.dir);
      else if (isActive(item.status)) this.#atWork.set(item.dir, undefined);
      else if (this.#atWork.has(item.dir) && item.state?.endedAt !== this.#atWork.get(item.dir)) {
        this.#atWork.delete(item.dir);
        void announce(item);
      }
    });
  }

  /** It is about to go on, and may end before the next look at its folder. */
  expect({ dir, state }: Interpolation): void {
    this.#atWork.set(dir, state?.endedAt);
  }

  dispose(): void {
    this.#subscription.dispose();
  }
}

async function announce(interpolation: Interpolation): Promise<void> {
  // Whoever stopped it knows.
  if (interpolation.status === "stopped") return;
  const sentence = interpolationEndSentence(interpolation);
  const place =
    interpolation.status === "failed" ? await openLineOf(interpolation.state?.message) : undefined;
  const chosen =
    interpolation.status === "finished"
      ? await sayInformation(sentence, OPEN)
      : interpolation.status === "interrupted"
        ? await sayWarning(sentence, CONTINUE, OPEN)
        : await sayError<Button | OpenLine>(sentence, ...(place ? [place] : []), OPEN, SHOW_LOG);
  await press(chosen, interpolation.dir);
}
