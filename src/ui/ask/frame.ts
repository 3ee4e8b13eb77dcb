import * as vscode from "vscode";
import { plainText } from "../../util/plain-text.ts";
import type { Frame } from "./question.ts";

/** What a quick pick and an input box have in common around their question. */
type Framed = Pick<vscode.InputBox, "title" | "step" | "totalSteps" | "buttons">;

/** The title, which step of how many, and the way back to the one before. */
export function setFrame(input: Framed, { title, step, total }: Frame): void {
  input.title = plainText(title);
  if (total > 1) Object.assign(input, { step, totalSteps: total });
  input.buttons = step > 1 ? [vscode.QuickInputButtons.Back] : [];
}
