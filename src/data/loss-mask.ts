/** Which tokens of a row count: the assistant's, the completion's, or all. */
import { InputError } from "../util/errors.ts";
import type { ChatTemplate } from "./chat-template.ts";
import type { Message } from "./formats.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** [start, end) in UTF-16 units of a text. */
export type Span = readonly [number, number];

/**
 * Text of a conversation and the spans the assistant wrote, each with the end-of-turn mark that the
 * template puts after it. Where the template marks its own ({% generation %}), those; else what
 * rendering one message more adds after the generation prompt.
 * @throws InputError when the template renders earlier turns differently once later ones follow, so
 *   that nobody can say which tokens are the assistant's
 */
export function assistantSpans(
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

/**
 * One flag per token: 1 when the token overlaps a span, as transformers' assistant mask has it.
 * @param ids tokens of `text`, possibly after `lead` tokens that stand for no text (BOS)
 * @throws InputError when the tokens' bytes do not add up to the text
 */
export function countSpans(
  { text, ids, spans }: { text: string; ids: readonly number[]; spans: readonly Span[] },
  tokenizer: Tokenizer,
): Uint8Array {
  const counted = new Uint8Array(ids.length);
  if (spans.length === 0) return counted;
  const edges = spans.map(([start, end]) => {
    const from = Buffer.byteLength(text.slice(0, start));
    return [from, from + Buffer.byteLength(text.slice(start, end))] as const;
  });
  const ranges = tokenRanges(text, ids, tokenizer);
  ranges.forEach(([from, to], index) => {
    if (edges.some(([start, end]) => from < end && to > start)) counted[index] = 1;
  });
  return counted;
}

/** Byte range of each token in the text's UTF-8. */
function tokenRanges(
  text: string,
  ids: readonly number[],
  tokenizer: Tokenizer,
): (readonly [number, number])[] {
  const { bytesOf } = tokenizer;
  if (!bytesOf) {
    throw new InputError(
      "this model's tokenizer is neither byte-level nor SentencePiece, so a loss mask can't be placed; set objective.lossOn to \"all\"",
    );
  }
  const total = Buffer.byteLength(text);
  const lengths = ids.map((id) => bytesOf(id).length);
  // Tokens added around the text (BOS, SentencePiece's leading space) come before it.
  const lead = lengths.reduce((sum, length) => sum + length, 0) - total;
  if (lead < 0) {
    throw new InputError(
      "this model's tokenizer changes the text before splitting it, so a loss mask can't be placed; set objective.lossOn to \"all\"",
    );
  }
  let position = -lead;
  return lengths.map((length) => {
    const range = [position, position + length] as const;
    position += length;
    return range;
  });
}
