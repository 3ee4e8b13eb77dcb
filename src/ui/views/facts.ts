/** A title and a table of facts, as Markdown. Names come from files, so everything is escaped. */

export type Fact = readonly [label: string, value: string | undefined];

export function factsMarkdown(title: string, facts: readonly Fact[]): string {
  const lines = [`**${escape(title)}**`, ""];
  const known = facts.filter(([, value]) => value !== undefined && value !== "");
  if (known.length > 0) lines.push("| | |", "|---|---|");
  for (const [label, value] of known) lines.push(`| ${label} | ${escape(value ?? "")} |`);
  return lines.join("\n");
}

function escape(text: string): string {
  return text.replaceAll(/[\\`*_{}[\]()#+\-.!|<>~&:@$]/g, "\\$&").replaceAll(/\s*\n\s*/g, " ");
}
