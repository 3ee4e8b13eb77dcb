/**
 * The one way to VS Code's messages: whatever they quote is made plain, paths of the workspace are shortened.
 * Lint forbids the calls elsewhere.
 */
import * as vscode from "vscode";
import { plainLines, plainText } from "../util/plain-text.ts";
import { shortPaths } from "./short-paths.ts";

export function sayInformation<T extends string | vscode.MessageItem>(
  text: string,
  ...buttons: T[]
): Thenable<T | undefined> {
  return vscode.window.showInformationMessage(messageText(text), ...asItems(buttons));
}

export function sayWarning<T extends string | vscode.MessageItem>(
  text: string,
  ...buttons: T[]
): Thenable<T | undefined> {
  return vscode.window.showWarningMessage(messageText(text), ...asItems(buttons));
}

export function sayError<T extends string | vscode.MessageItem>(
  text: string,
  ...buttons: T[]
): Thenable<T | undefined> {
  return vscode.window.showErrorMessage(messageText(text), ...asItems(buttons));
}

/** A dialog that must be answered. */
export function ask(
  text: string,
  detail: string,
  ...buttons: string[]
): Thenable<string | undefined> {
  const options = { modal: true, detail: plainLines(detail) };
  return vscode.window.showWarningMessage(messageText(text), options, ...buttons);
}

function messageText(text: string): string {
  return plainText(shortPaths(text));
}

/** VS Code's overloads know texts or items; both go the same way. */
function asItems<T extends string | vscode.MessageItem>(buttons: T[]): (T & vscode.MessageItem)[] {
  return buttons as (T & vscode.MessageItem)[];
}
