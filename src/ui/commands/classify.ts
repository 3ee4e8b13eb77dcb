/** Asks for a text and shows how a classifier labels it, in a read-only document beside the editor. */
import * as z from "zod";
import { parseJson } from "../../util/json.ts";
import { runCli } from "../../util/run-cli.ts";
import type { App } from "../app.ts";
import { askText } from "./ask-text.ts";
import type { Answerer } from "./pick-answerer.ts";

const TOP_LABELS = 20;

/** What `retune classify --json` prints of a text. */
const classifiedSchema = z.union([
  z.object({ value: z.number() }),
  z.object({
    labels: z.array(z.string()),
    scores: z.array(z.object({ label: z.string(), probability: z.number() })),
  }),
]);

export async function classify(app: App, argument: unknown): Promise<void> {
  await askText(app, argument, {
    title: "Classify Text",
    answering: "labelsText",
    question: (name) => `Which text shall ${name} label?`,
    memoryKey: "retune.lastLabelledText",
    progress: (name) => `${name} is labelling`,
    answer: (answerer, text, { programs, onText, ...io }) =>
      runCli({
        ...io,
        cliPath: programs.cli,
        args: classifyArguments(answerer, text),
        onOutput: onText,
      }),
    whole: (output) => inMarkdown(parseJson(output, "retune's output")),
  });
}

function classifyArguments({ base, adapter }: Answerer, text: string): string[] {
  return [
    ["classify", base],
    adapter === undefined ? [] : ["--adapter", adapter],
    [`--text=${text}`, "--json", "--top", String(TOP_LABELS)],
  ].flat();
}

/** A label a line, the given ones bold, behind its probability. */
function inMarkdown(output: unknown): string {
  const classified = classifiedSchema.parse(output);
  if ("value" in classified) return `**${classified.value.toFixed(4)}**\n`;
  const { labels, scores } = classified;
  const lines = scores.map(({ label, probability }) => {
    const name = label.replaceAll(/\s+/gu, " ");
    return `- ${(100 * probability).toFixed(1)} % ${labels.includes(label) ? `**${name}**` : name}`;
  });
  return `${lines.join("\n")}\n`;
}
