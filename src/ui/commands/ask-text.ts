/** Asks for a text, hands it to a model, and appends what comes back to the model's transcript. */
import type { Asked } from "../../engines/engine.ts";
import { errorMessage } from "../../util/errors.ts";
import type { Answering } from "../answering.ts";
import type { App } from "../app.ts";
import { askInSteps } from "../ask/wizard.ts";
import { requireTrust } from "../trust.ts";
import { type Answerer, answererFrom, namesAnswerer } from "./pick-answerer.ts";
import { withCancel } from "./with-cancel.ts";

export interface AnswerIo extends Asked {
  onText: (text: string) => void;
}

interface TextQuestion {
  title: string;
  answering: Answering;
  question: (name: string) => string;
  /** Where the workspace's storage keeps the last text, to be offered again. */
  memoryKey: string;
  progress: (name: string) => string;
  /** False when it was cancelled. */
  answer: (answerer: Answerer, text: string, io: AnswerIo) => Promise<boolean>;
  /** What the whole output is shown as; left out, it is shown as it comes. */
  whole?: (output: string) => string;
}

export async function askText(app: App, argument: unknown, asked: TextQuestion): Promise<void> {
  requireTrust();
  const memory = app.context.workspaceState;
  const answers = await askInSteps(asked.title, async (wizard) => {
    wizard.expect(namesAnswerer(argument) ? 1 : 2);
    const answerer = await answererFrom(app, wizard, argument, asked.answering);
    const text = await wizard.input({
      prompt: asked.question(answerer.name),
      value: memory.get<string>(asked.memoryKey, ""),
      validate: (value) => (value.trim() === "" ? "The text can't be empty." : undefined),
    });
    return { answerer, text };
  });
  if (answers === undefined) return;
  const { answerer, text } = answers;
  await memory.update(asked.memoryKey, text);
  const transcript = await app.transcripts.open(answerer.name);
  const quoted = text.replaceAll("\n", "\n> ");
  transcript.append(`> ${quoted}\n\n`);
  let output = "";
  try {
    const done = await withCancel(asked.progress(answerer.name), (signal) =>
      asked.answer(answerer, text, {
        programs: app.programs,
        signal,
        onText: (part) => {
          output += part;
          if (!asked.whole) transcript.append(part);
        },
        onProgress: (line) => app.log.debug(line),
      }),
    );
    if (done && asked.whole) transcript.append(asked.whole(output));
    // The command ends its text with a newline of its own.
    transcript.append(done ? "\n" : "… (cancelled)\n\n");
  } catch (error) {
    transcript.append(`_${errorMessage(error)}_\n\n`);
    throw error;
  }
}
