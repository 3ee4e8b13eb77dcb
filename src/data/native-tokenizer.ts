/** The library's tokenizer of a tokenizer.json's text. */
import { AddedToken, Tokenizer as NativeTokenizer } from "tokenizers";
import type { AddedTokenJson } from "./special-tokens.ts";

/**
 * Trimmed offsets leave out the white space that a token begins with: a token of nothing else would
 * belong to no text at all. Ids do not depend on it. No text in the file can hold these quotes bare.
 */
const TRIMS_OFFSETS = /(?<!\\)"trim_offsets"\s*:\s*true/gu;

/** @throws the library's error */
export function makeTokenizer(text: string, added: readonly AddedTokenJson[]): NativeTokenizer {
  const tokenizer = NativeTokenizer.fromString(text.replace(TRIMS_OFFSETS, '"trim_offsets":false'));
  // Rows are cut by data.maxLength, and never padded.
  tokenizer.disableTruncation();
  tokenizer.disablePadding();
  tokenizer.addAddedTokens(added.map(nativeToken));
  return tokenizer;
}

function nativeToken(token: AddedTokenJson): AddedToken {
  return new AddedToken(token.content, token.special, {
    singleWord: token.single_word,
    leftStrip: token.lstrip,
    rightStrip: token.rstrip,
    normalized: token.normalized,
  });
}
