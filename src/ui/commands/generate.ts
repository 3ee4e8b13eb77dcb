/** Asks for a prompt and streams the answer into a read-only document beside the editor. */
import type { App } from "../app.ts";
import { defaultEngine } from "../../engines/registry.ts";
import { InputError } from "../../util/errors.ts";
import { type AnswerIo, askText } from "./ask-text.ts";
import type { Answerer } from "./pick-answerer.ts";

const MAX_TOKENS = 200;

export async function generate(app: App, argument: unknown): Promise<void> {
  await askText(app, argument, {
    title: "Generate",
    answering: "writesText",
    question: (name) => `What do you want to say to ${name}?`,
    memoryKey: "retune.lastPrompt",
    progress: (name) => `${name} is answering`,
    answer,
  });
}

function answer(
  { name, base, adapter, engine = defaultEngine() }: Answerer,
  prompt: string,
  io: AnswerIo,
): Promise<boolean> {
  if (!engine.generate) throw new InputError(`${name}: engine ${engine.name} generates no text`);
  return engine.generate({ base, adapter, prompt, maxTokens: MAX_TOKENS }, io);
}
