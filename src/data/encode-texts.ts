/** Rendered rows to tokens, and which of them count. */
import type { RowText } from "./templates/row-text.ts";
import type { TokenisedText } from "./tokenised-text.ts";
import type { Tokenizer } from "./tokenizer.ts";

type TextToEncode = Pick<RowText, "text" | "spans" | "addSpecialTokens" | "addEos">;

export interface EncodedRow {
  ids: readonly number[];
  counted: Uint8Array;
}

/** A row for each text, in order. */
export async function encodeTexts(
  texts: readonly TextToEncode[],
  tokenizer: Tokenizer,
): Promise<readonly EncodedRow[]> {
  const encoded = new Map<TextToEncode, TokenisedText>();
  for (const addSpecialTokens of [false, true]) {
    const some = texts.filter((each) => each.addSpecialTokens === addSpecialTokens);
    if (some.length === 0) continue;
    const found = await tokenizer.encodeBatch(
      some.map(({ text }) => text),
      { addSpecialTokens },
    );
    some.forEach((each, index) => {
      const tokens = found[index];
      if (tokens) encoded.set(each, tokens);
    });
  }
  return texts.map((each) => {
    const tokens = encoded.get(each);
    if (!tokens) throw new Error("internal: a text came back without tokens");
    return withEnd(tokens, each, tokenizer);
  });
}

function withEnd(
  tokens: TokenisedText,
  { text, spans, addEos }: TextToEncode,
  { eosTokenIds: [eos] }: Tokenizer,
): EncodedRow {
  const { ids } = tokens;
  const counted = tokens.flags(spans);
  const [from, to] = spans.at(-1) ?? [0, 0];
  if (!addEos) return { ids, counted };
  // What a post-processor adds belongs to a text that counts to its end; to a whole one, all of it.
  if (to === text.length) counted.fill(1, from === 0 ? 0 : tokens.ownEnd);
  if (eos === undefined || ids.at(-1) === eos) return { ids, counted };
  const withEos = new Uint8Array(ids.length + 1);
  withEos.set(counted);
  withEos[ids.length] = 1;
  return { ids: [...ids, eos], counted: withEos };
}
