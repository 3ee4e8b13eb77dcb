// Drives quick picks and input boxes by the workbench's own keyboard commands. The calls that make
// them are wrapped only to know when one is up.
import * as vscode from "vscode";
import { until } from "./until.ts";

/** From the call in the extension host to the input being shown and taking keys. */
const SHOWN_AFTER_MS = 400;

type Make = () => vscode.QuickInput;

export class QuickInput {
  /** All that were opened, the newest last. */
  readonly shown: vscode.QuickInput[] = [];
  #opened = 0;
  #answered = 0;
  readonly #restore: (() => void)[] = [];

  constructor() {
    const window = vscode.window as unknown as Record<string, Make>;
    for (const method of ["createQuickPick", "createInputBox"]) {
      const original = window[method] as Make;
      window[method] = () => {
        const input = original.call(vscode.window);
        const show = input.show.bind(input);
        input.show = () => {
          show();
          // The list is filled a moment later.
          const filled = until(() => (input.busy ? undefined : true), {
            what: () => "a filled list",
          });
          void filled.then(
            () => (this.#opened += 1),
            () => undefined,
          );
        };
        this.shown.push(input);
        return input;
      };
      this.#restore.push(() => (window[method] = original));
    }
  }

  /** Goes one question back, from the one that is up. */
  async back(): Promise<void> {
    await this.#shown();
    await vscode.commands.executeCommand("workbench.action.quickInputBack");
  }

  /** Accepts the next quick pick's row, `down` rows below the first (above it: from the end), or an input box as it is. */
  async accept(down = 0): Promise<void> {
    await this.#shown();
    for (let row = 0; row < Math.abs(down); row++) {
      const way = down > 0 ? "Next" : "Previous";
      await vscode.commands.executeCommand(`workbench.action.quickOpenNavigate${way}`);
    }
    await vscode.commands.executeCommand("workbench.action.acceptSelectedQuickOpenItem");
  }

  /** Types into the next input box, and accepts it. */
  async enter(text: string): Promise<void> {
    await this.#shown();
    const box = this.shown.at(-1) as vscode.InputBox;
    box.value = text;
    await vscode.commands.executeCommand("workbench.action.acceptSelectedQuickOpenItem");
  }

  /** Ticks or clears rows of the next multi-pick, counted from its first, and accepts it. */
  async toggle(...rows: readonly number[]): Promise<void> {
    await this.#shown();
    // No row of a multi-pick is focused at first.
    let at = -1;
    for (const row of rows) {
      for (; at < row; at++) {
        await vscode.commands.executeCommand("workbench.action.quickOpenNavigateNext");
      }
      await vscode.commands.executeCommand("workbench.action.quickPickManyToggle");
    }
    await vscode.commands.executeCommand("workbench.action.acceptSelectedQuickOpenItem");
  }

  /** Leaves the next quick input with Escape. */
  async cancel(): Promise<void> {
    await this.#shown();
    await vscode.commands.executeCommand("workbench.action.closeQuickOpen");
  }

  async #shown(): Promise<void> {
    await until(() => (this.#opened > this.#answered ? true : undefined), {
      what: () => `quick input number ${this.#answered + 1}`,
    });
    this.#answered += 1;
    await new Promise((resolve) => setTimeout(resolve, SHOWN_AFTER_MS));
  }

  dispose(): void {
    for (const restore of this.#restore) restore();
  }
}
