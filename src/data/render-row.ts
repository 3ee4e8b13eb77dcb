import { InputError } from "../util/errors.ts";
import type { Conversation, Message } from "./formats.ts";
import { assistantSpans } from "./loss-mask.ts";
import type { RenderedText } from "./rendered-text.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** Stanford Alpaca's own prompts, for models without a chat template. */
function alpacaPrompt(instruction: string, input: string): string {
  return input === ""
    ? `Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n### Instruction:\n${instruction}\n\n### Response:\n`
    : `Below is an instruction that describes a task, paired with an input that provides further context. Write a response that appropriately completes the request.\n\n### Instruction:\n${instruction}\n\n### Input:\n${input}\n\n### Response:\n`;
}

/**
 * Text of a row and which parts of it count.
 * @throws InputError (without the place, which the caller adds) when the model can't take the row
 */
export function renderRow(
  conversation: Conversation,
  tokenizer: Pick<Tokenizer, "chatTemplate">,
): RenderedText {
  switch (conversation.kind) {
    case "messages":
      return renderMessages(conversation.messages, tokenizer, conversation.tools);
    case "completion":
      return completion(conversation.prompt, conversation.completion);
    case "instruction": {
      const { system, prompt, input, answer } = conversation;
      if (!tokenizer.chatTemplate) {
        const lead = system === undefined ? "" : `${system}\n\n`;
        return completion(lead + alpacaPrompt(prompt, input), answer);
      }
      const messages: Message[] = [
        ...(system === undefined ? [] : [{ role: "system", content: system }]),
        { role: "user", content: input === "" ? prompt : `${prompt}\n${input}` },
        { role: "assistant", content: answer },
      ];
      return renderMessages(messages, tokenizer);
    }
    case "text":
      return completion("", conversation.text);
  }
}

function renderMessages(
  messages: readonly Message[],
  { chatTemplate }: Pick<Tokenizer, "chatTemplate">,
  tools?: unknown,
): RenderedText {
  if (!chatTemplate) {
    throw new InputError(
      "this base model has no chat template, so \"messages\" rows can't be rendered; use prompt/completion or text rows, or add chat_template.jinja to the model's folder",
    );
  }
  const rendered = assistantSpans(chatTemplate, messages, tools);
  // The template prints BOS and the end of a turn itself where the model wants them.
  return { ...rendered, addSpecialTokens: false, addEos: false };
}

/** Without an end the model never learns to stop. */
function completion(prompt: string, answer: string): RenderedText {
  const text = prompt + answer;
  return { text, spans: [[prompt.length, text.length]], addSpecialTokens: true, addEos: true };
}
