import { countSpans } from "./loss-mask.ts";
import type { RowText } from "./templates/row-text.ts";
import type { Tokenizer } from "./tokenizer.ts";

export interface EncodedRow {
  ids: number[];
  counted: Uint8Array;
}

/**
 * Tokens of a row and which of them count.
 * @throws InputError (without the place, which the caller adds) when the model can't take the row
 */
export function encodeRow(row: RowText, tokenizer: Tokenizer): EncodedRow {
  const { text, spans, addSpecialTokens, addEos } = row;
  const bare = tokenizer.encode(text, { addSpecialTokens });
  const counted = countSpans({ text, ids: bare, spans }, tokenizer);
  const ids = addEos ? withEos(bare, tokenizer) : bare;
  const withEnd = new Uint8Array(ids.length);
  withEnd.set(counted);
  withEnd.fill(1, bare.length);
  // The text itself may end with EOS.
  if (addEos && ids.length > 0) withEnd[ids.length - 1] = 1;
  return { ids, counted: withEnd };
}

function withEos(ids: number[], { eosTokenIds: [eos] }: Tokenizer): number[] {
  return eos === undefined || ids.at(-1) === eos ? ids : [...ids, eos];
}
