/** Asks for a prompt and streams the answer into a read-only document beside the editor. */
import type { App } from "../app.ts";
import { askText } from "./ask-text.ts";
import type { Answerer } from "./pick-answerer.ts";

const MAX_TOKENS = 200;

export async function generate(app: App, argument: unknown): Promise<void> {
  await askText(app, argument, {
    title: "Generate",
    answering: "writesText",
    question: (name) => `What do you want to say to ${name}?`,
    memoryKey: "retune.lastPrompt",
    progress: (name) => `${name} is answering`,
    cliArguments: generateArguments,
  });
}

function generateArguments({ base, adapter }: Answerer, prompt: string): string[] {
  return [
    ["generate", base],
    adapter === undefined ? [] : ["--adapter", adapter],
    [`--prompt=${prompt}`, "--max-tokens", String(MAX_TOKENS)],
  ].flat();
}
