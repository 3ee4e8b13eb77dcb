import { InputError } from "../util/errors.ts";
import type { Conversation, Message } from "./formats.ts";
import { type Span, assistantSpans, countSpans } from "./loss-mask.ts";
import type { Tokenizer } from "./tokenizer.ts";

export interface EncodedRow {
  ids: number[];
  counted: Uint8Array;
}

/** Stanford Alpaca's own prompts, for models without a chat template. */
function alpacaPrompt(instruction: string, input: string): string {
  return input === ""
    ? `Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n### Instruction:\n${instruction}\n\n### Response:\n`
    : `Below is an instruction that describes a task, paired with an input that provides further context. Write a response that appropriately completes the request.\n\n### Instruction:\n${instruction}\n\n### Input:\n${input}\n\n### Response:\n`;
}

/**
 * Tokens of a row and which of them count.
 * @throws InputError (without the place, which the caller adds) when the model can't take the row
 */
export function encodeRow(conversation: Conversation, tokenizer: Tokenizer): EncodedRow {
  switch (conversation.kind) {
    case "messages":
      return encodeMessages(conversation.messages, tokenizer, conversation.tools);
    case "completion":
      return encodeCompletion(conversation.prompt, conversation.completion, tokenizer);
    case "instruction": {
      const { system, prompt, input, answer } = conversation;
      if (!tokenizer.chatTemplate) {
        const lead = system === undefined ? "" : `${system}\n\n`;
        return encodeCompletion(lead + alpacaPrompt(prompt, input), answer, tokenizer);
      }
      const messages: Message[] = [
        ...(system === undefined ? [] : [{ role: "system", content: system }]),
        { role: "user", content: input === "" ? prompt : `${prompt}\n${input}` },
        { role: "assistant", content: answer },
      ];
      return encodeMessages(messages, tokenizer);
    }
    case "text": {
      const ids = withEos(tokenizer.encode(conversation.text), tokenizer);
      return { ids, counted: new Uint8Array(ids.length).fill(1) };
    }
  }
}

function encodeMessages(
  messages: readonly Message[],
  tokenizer: Tokenizer,
  tools?: unknown,
): EncodedRow {
  if (!tokenizer.chatTemplate) {
    throw new InputError(
      "this base model has no chat template, so \"messages\" rows can't be rendered; use prompt/completion or text rows, or add chat_template.jinja to the model's folder",
    );
  }
  const { text, spans } = assistantSpans(tokenizer.chatTemplate, messages, tools);
  // The template prints BOS itself where the model wants one.
  const ids = tokenizer.encode(text, { addSpecialTokens: false });
  return { ids, counted: countSpans({ text, ids, spans }, tokenizer) };
}

function encodeCompletion(prompt: string, completion: string, tokenizer: Tokenizer): EncodedRow {
  const text = prompt + completion;
  const bare = tokenizer.encode(text);
  const span: Span = [prompt.length, text.length];
  const counted = countSpans({ text, ids: bare, spans: [span] }, tokenizer);
  const ids = withEos(bare, tokenizer);
  const withEnd = new Uint8Array(ids.length);
  withEnd.set(counted);
  withEnd.fill(1, bare.length);
  return { ids, counted: withEnd };
}

/** Without an end the model never learns to stop. */
function withEos(ids: number[], { eosTokenIds: [eos] }: Tokenizer): number[] {
  return eos === undefined || ids.at(-1) === eos ? ids : [...ids, eos];
}
