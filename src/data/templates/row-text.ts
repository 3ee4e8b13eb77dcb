/** From rows of a data file to texts, and which parts of a text are trained. */
import { InputError, InternalError } from "../../util/errors.ts";
import {
  type Conversation,
  type Format,
  type Instruction,
  detectFormat,
  readConversation,
} from "../formats.ts";
import type { DataRow } from "../rows/row.ts";
import type { Span } from "./answer-spans.ts";
import type { ChatRow } from "./answers.ts";
import type { ChatTemplate } from "./chat-template.ts";

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
  const read = rows.map((row) => readRow(row, source));
  const templated = read.filter((each) => "json" in each);
  const rendered = (await source.chatTemplate?.renderRows(templated)) ?? [];
  const byRow = new Map(templated.map((each, index) => [each, rendered[index]]));
  return read.map((each, index) => {
    if (!("json" in each)) return each;
    const result = byRow.get(each);
    if (!result) throw new InternalError("a row came back without its text");
    if (result instanceof InputError) return atLine(result, rows[index]?.line ?? 0, source);
    const { text, spans, unplaced } = result;
    const ends = { addSpecialTokens: false, addEos: false };
    return { format: each.format, text, spans, unplacedTurns: unplaced, ...ends };
  });
}

interface TemplatedRow extends ChatRow {
  format: Format;
}

function atLine(error: InputError, line: number, { file }: RowSource): InputError {
  return new InputError(`${file}:${line}: ${error.message}`, { cause: error });
}

function readRow(row: DataRow, source: RowSource): RowText | TemplatedRow | InputError {
  try {
    const format = source.format === "auto" ? detectFormat(row, source.file) : source.format;
    const conversation = readConversation(row, format, source.file);
    const hasTemplate = source.chatTemplate !== undefined;
    if (conversation.kind === "instruction" && hasTemplate) {
      const value = { messages: instructionMessages(conversation) };
      return { format, value, json: JSON.stringify(value) };
    }
    if (conversation.kind !== "chat")
      return { format, ...plainText(conversation, row.line, source) };
    return hasTemplate
      ? { format, value: row.value, json: row.json }
      : noTemplate(`"messages"`, row.line, source);
  } catch (error) {
    if (error instanceof InputError) return error;
    throw error;
  }
}

function noTemplate(what: string, line: number, source: RowSource): InputError {
  const message = `this base model has no chat template, so ${what} rows can't be rendered; use prompt/completion or text rows, or add chat_template.jinja to the model's folder`;
  return atLine(new InputError(message), line, source);
}

/** @throws InputError for a row that needs a chat template */
function plainText(
  conversation: Exclude<Conversation, { kind: "chat" }>,
  line: number,
  source: RowSource,
): Omit<RowText, "format"> {
  switch (conversation.kind) {
    case "completion":
      return completionText(conversation.prompt, conversation.completion);
    case "instruction": {
      const { system, prompt, input, answer, history } = conversation;
      if (history.length > 0) throw noTemplate(`"history"`, line, source);
      const lead = system === "" ? "" : `${system}\n\n`;
      return completionText(lead + alpacaPrompt(prompt, input), answer);
    }
    case "text": {
      const { text } = conversation;
      return { ...PLAIN, text, spans: [[0, text.length]] };
    }
  }
}

/** Earlier answers are trained as the last one is, which is LLaMA-Factory's way. */
export function instructionMessages({
  system,
  prompt,
  input,
  answer,
  history,
}: Instruction): object[] {
  const turns = [...history, [input === "" ? prompt : `${prompt}\n${input}`, answer] as const];
  return [
    ...(system === "" ? [] : [{ role: "system", content: system }]),
    ...turns.flatMap(([asked, said]) => [
      { role: "user", content: asked },
      { role: "assistant", content: said },
    ]),
  ];
}

/** Without an end the model never learns to stop. */
const PLAIN = { unplacedTurns: 0, addSpecialTokens: true, addEos: true };

function completionText(prompt: string, completion: string): Omit<RowText, "format"> {
  const text = prompt + completion;
  return { ...PLAIN, text, spans: [[prompt.length, text.length]] };
}

/** Stanford Alpaca's own prompts, for models without a chat template. */
function alpacaPrompt(instruction: string, input: string): string {
  return input === ""
    ? `Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n### Instruction:\n${instruction}\n\n### Response:\n`
    : `Below is an instruction that describes a task, paired with an input that provides further context. Write a response that appropriately completes the request.\n\n### Instruction:\n${instruction}\n\n### Input:\n${input}\n\n### Response:\n`;
}
