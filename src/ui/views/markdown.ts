/** Tooltips: a title and a table of facts. Names come from files, so everything is escaped. */
import * as vscode from "vscode";

export type Fact = readonly [label: string, value: string | undefined];

export function factsTooltip(title: string, facts: readonly Fact[]): vscode.MarkdownString {
  const lines = [`**${escape(title)}**`, ""];
  const known = facts.filter(([, value]) => value !== undefined && value !== "");
  if (known.length > 0) lines.push("| | |", "|---|---|");
  for (const [label, value] of known) lines.push(`| ${label} | ${escape(value ?? "")} |`);
  return new vscode.MarkdownString(lines.join("\n"));
}

function escape(text: string): string {
  return text.replaceAll(/[\\`*_{}[\]()#+\-.!|<>~&:@$]/g, "\\$&").replaceAll(/\s*\n\s*/g, " ");
}
