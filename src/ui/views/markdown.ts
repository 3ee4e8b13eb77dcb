import * as vscode from "vscode";
import { type Fact, factsMarkdown } from "./facts.ts";

/** A tooltip: a title and a table of facts. */
export function factsTooltip(title: string, facts: readonly Fact[]): vscode.MarkdownString {
  return new vscode.MarkdownString(factsMarkdown(title, facts));
}
