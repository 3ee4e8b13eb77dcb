/** How `retune classify` is asked for a text's labels, and its answer in Markdown. */
import * as z from "zod";

const TOP_LABELS = 20;

/** What `retune classify --json` prints of a text. */
const classifiedSchema = z.union([
  z.object({ value: z.number() }),
  z.object({
    labels: z.array(z.string()),
    scores: z.array(z.object({ label: z.string(), probability: z.number() })),
  }),
]);

export function classifyArguments(
  { base, adapter }: { base: string; adapter?: string },
  text: string,
): string[] {
  return [
    ["classify", base],
    adapter === undefined ? [] : ["--adapter", adapter],
    [`--text=${text}`, "--json", "--top", String(TOP_LABELS)],
  ].flat();
}

/** A label a line, the given ones bold, behind its probability. */
export function classifiedMarkdown(output: unknown): string {
  const classified = classifiedSchema.parse(output);
  if ("value" in classified) return `**${classified.value.toFixed(4)}**\n`;
  const { labels, scores } = classified;
  const lines = scores.map(({ label, probability }) => {
    const name = label.replaceAll(/\s+/gu, " ");
    return `- ${(100 * probability).toFixed(1)} % ${labels.includes(label) ? `**${name}**` : name}`;
  });
  return `${lines.join("\n")}\n`;
}
