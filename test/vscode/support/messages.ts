// What the extension says to the user. VS Code has no way to read a message back, and refuses modal
// dialogs while tests run, so the three calls are wrapped: a message without an answer from the test
// still appears, as it would for a person who leaves it alone.
import * as vscode from "vscode";
import { until } from "./until.ts";

export interface Message {
  severity: "error" | "warning" | "information";
  text: string;
  buttons: readonly string[];
}

const METHODS = {
  error: "showErrorMessage",
  warning: "showWarningMessage",
  information: "showInformationMessage",
} as const;

type Show = (text: string, ...rest: unknown[]) => Thenable<unknown>;

export class Messages {
  readonly seen: Message[] = [];
  readonly #answers: { pattern: RegExp; button: string }[] = [];
  readonly #restore: (() => void)[] = [];

  constructor() {
    const window = vscode.window as unknown as Record<string, Show>;
    for (const [severity, method] of Object.entries(METHODS)) {
      const original = window[method] as Show;
      window[method] = (text, ...rest) => {
        const buttons = rest.flatMap((item) => buttonOf(item) ?? []);
        this.seen.push({ severity: severity as Message["severity"], text, buttons });
        const answer = this.#answers.find(({ pattern }) => pattern.test(text));
        if (answer === undefined) return original.call(vscode.window, text, ...rest);
        const chosen = rest.find((item) => buttonOf(item) === answer.button);
        return Promise.resolve(chosen);
      };
      this.#restore.push(() => (window[method] = original));
    }
  }

  /** From now on a message that fits is answered with this button. */
  answer(pattern: RegExp, button: string): void {
    this.#answers.push({ pattern, button });
  }

  /** The first message that fits, once it has been shown. */
  async next(pattern: RegExp, limitMs = 20_000): Promise<Message> {
    return until(() => this.seen.find(({ text }) => pattern.test(text)), {
      limitMs,
      what: () => `a message like ${pattern}; seen: ${JSON.stringify(this.seen)}`,
    });
  }

  dispose(): void {
    for (const restore of this.#restore) restore();
  }
}

/** A button is a string or an item with a title; options have neither. */
function buttonOf(item: unknown): string | undefined {
  if (typeof item === "string") return item;
  const isItem = typeof item === "object" && item !== null && "title" in item;
  return isItem ? String(item.title) : undefined;
}
