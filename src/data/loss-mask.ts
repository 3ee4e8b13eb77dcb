/** Which tokens of a row count: the assistant's, the completion's, or all. */
import { InputError } from "../util/errors.ts";
import type { Span } from "./templates/row-text.ts";
import type { Tokenizer } from "./tokenizer.ts";

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
