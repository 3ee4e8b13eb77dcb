/** From rows of a data file to texts, and which parts of a text are trained. */
import { InputError } from "../../util/errors.ts";
import { type Conversation, type Format, detectFormat, readConversation } from "../formats.ts";
import type { Message } from "../messages.ts";
import type { DataRow } from "../rows/row.ts";
import type { ChatTemplate } from "./chat-template.ts";

/** [start, end) in UTF-16 units of a text. */
export type Span = readonly [start: number, end: number];

export interface RowText {
  format: Format;
  text: string;
  /** What is trained, in order and apart. */
  spans: readonly Span[];
  /** Answers that have no place in `spans`, because the template renders them otherwise once later turns follow. */
  unplacedTurns: number;
  /** Whether the tokenizer adds BOS and the like; a chat template prints its own. */
  addSpecialTokens: boolean;
  /** Whether the row ends with EOS, which is trained too. */
  addEos: boolean;
}

export interface RowSource {
  /** The rows' file, for messages. */
  file: string;
  format: Format | "auto";
  /** The model's; undefined when it has none. */
  chatTemplate: ChatTemplate | undefined;
}

/**
 * The text of each row, in order; an InputError with file and line in place of a row that can't be
 * used. Give many rows at once: a call goes to another thread.
 */
export async function renderRows(
  rows: readonly DataRow[],
  source: RowSource,
): Promise<(RowText | InputError)[]> {
  return rows.map((row) => {
    try {
      const format = source.format === "auto" ? detectFormat(row, source.file) : source.format;
      const conversation = readConversation(row, format, source.file);
      return { format, ...rowText(conversation, source.chatTemplate) };
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return error.message.startsWith(source.file)
        ? error
        : new InputError(`${source.file}:${row.line}: ${error.message}`, { cause: error });
    }
  });
}

type TextOfRow = Omit<RowText, "format">;

function rowText(conversation: Conversation, chatTemplate: ChatTemplate | undefined): TextOfRow {
  switch (conversation.kind) {
    case "messages":
      return messagesText(conversation.messages, chatTemplate, conversation.tools);
    case "completion":
      return completionText(conversation.prompt, conversation.completion);
    case "instruction": {
      const { system, prompt, input, answer } = conversation;
      if (!chatTemplate) {
        const lead = system === undefined ? "" : `${system}\n\n`;
        return completionText(lead + alpacaPrompt(prompt, input), answer);
      }
      const messages: Message[] = [
        ...(system === undefined ? [] : [{ role: "system", content: system }]),
        { role: "user", content: input === "" ? prompt : `${prompt}\n${input}` },
        { role: "assistant", content: answer },
      ];
      return messagesText(messages, chatTemplate);
    }
    case "text": {
      const { text } = conversation;
      return { ...PLAIN, text, spans: [[0, text.length]] };
    }
  }
}

/** Without an end the model never learns to stop. */
const PLAIN = { unplacedTurns: 0, addSpecialTokens: true, addEos: true };

function completionText(prompt: string, completion: string): TextOfRow {
  const text = prompt + completion;
  return { ...PLAIN, text, spans: [[prompt.length, text.length]] };
}

/** Stanford Alpaca's own prompts, for models without a chat template. */
function alpacaPrompt(instruction: string, input: string): string {
  return input === ""
    ? `Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n### Instruction:\n${instruction}\n\n### Response:\n`
    : `Below is an instruction that describes a task, paired with an input that provides further context. Write a response that appropriately completes the request.\n\n### Instruction:\n${instruction}\n\n### Input:\n${input}\n\n### Response:\n`;
}

function messagesText(
  messages: readonly Message[],
  chatTemplate: ChatTemplate | undefined,
  tools?: unknown,
): TextOfRow {
  if (!chatTemplate) {
    throw new InputError(
      "this base model has no chat template, so \"messages\" rows can't be rendered; use prompt/completion or text rows, or add chat_template.jinja to the model's folder",
    );
  }
  const { text, spans } = assistantSpans(chatTemplate, messages, tools);
  return { text, spans, unplacedTurns: 0, addSpecialTokens: false, addEos: false };
}

/**
 * Text of a conversation and the spans the assistant wrote, each with the end-of-turn mark that the
 * template puts after it. Where the template marks its own ({% generation %}), those; else what
 * rendering one message more adds after the generation prompt.
 * @throws InputError when the template renders earlier turns differently once later ones follow, so
 *   that nobody can say which tokens are the assistant's
 */
function assistantSpans(
  template: ChatTemplate,
  messages: readonly Message[],
  tools?: unknown,
): { text: string; spans: readonly Span[] } {
  const whole = template.render(messages, { tools });
  if (whole.spans) return { text: whole.text, spans: whole.spans };
  const spans = messages.flatMap((message, index): Span[] => {
    if (message.role !== "assistant") return [];
    const before = template.render(messages.slice(0, index), { tools, addGenerationPrompt: true });
    const after = template.render(messages.slice(0, index + 1), { tools });
    for (const prefix of [before.text, after.text]) {
      if (!whole.text.startsWith(prefix)) {
        throw new InputError(
          `messages[${index}]: the chat template renders this turn differently once later turns follow, so its tokens can't be told apart; use a template with {% generation %} marks, or end the row at this turn`,
        );
      }
    }
    return [[before.text.length, after.text.length]];
  });
  return { text: whole.text, spans };
}
