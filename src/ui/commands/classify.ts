/** Asks for a text and shows how a classifier labels it, in a read-only document beside the editor. */
import { parseJson } from "../../util/json.ts";
import { runCli } from "../../util/run-cli.ts";
import type { App } from "../app.ts";
import { askText } from "./ask-text.ts";
import { classifiedMarkdown, classifyArguments } from "./classified-text.ts";

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
    whole: (output) => classifiedMarkdown(parseJson(output, "retune's output")),
  });
}
