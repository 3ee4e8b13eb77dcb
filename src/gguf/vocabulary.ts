/** A .gguf's tokens and what each of them is. */
import { InputError } from "../util/errors.ts";
import type { GgufHeader } from "./header.ts";
import { optionalNumbers, optionalTexts } from "./metadata.ts";

/** ggml's `llama_token_type`. */
const TOKEN_TYPES = {
  normal: 1,
  unknown: 2,
  control: 3,
  userDefined: 4,
  unused: 5,
  byte: 6,
} as const;

export interface Vocabulary {
  /** By id. */
  tokens: readonly string[];
  /** By id; empty when the file has none. */
  types: readonly number[];
}

export function readVocabulary(header: GgufHeader): Vocabulary {
  const { file } = header;
  const tokens = optionalTexts(header, "tokenizer.ggml.tokens");
  if (!tokens) throw new InputError(`${file}: metadata tokenizer.ggml.tokens is missing`);
  const types = optionalNumbers(header, "tokenizer.ggml.token_type") ?? [];
  if (types.length > 0 && types.length !== tokens.length) {
    throw new InputError(
      `${file}: tokenizer.ggml.token_type has ${types.length} entries for ${tokens.length} tokens`,
    );
  }
  return { tokens, types };
}

/** @throws InputError when a special token's id is beyond the vocabulary */
export function tokenAt(
  { tokens }: Vocabulary,
  id: number,
  { file, key }: { file: string; key: string },
): string {
  const text = tokens[id];
  if (text === undefined) {
    throw new InputError(
      `${file}: tokenizer.ggml.${key} is ${id}, but the vocabulary has ${tokens.length} tokens`,
    );
  }
  return text;
}

/** Tokens that a text is made of, and not only added around it: these are what merges may lead to. */
export function isPlain({ types }: Vocabulary, id: number): boolean {
  const type = types[id] ?? TOKEN_TYPES.normal;
  return type === TOKEN_TYPES.normal || type === TOKEN_TYPES.userDefined;
}

export function vocabularyJson({ tokens }: Vocabulary): Readonly<Record<string, number>> {
  return Object.fromEntries(tokens.map((token, id) => [token, id]));
}

/**
 * Tokens found whole in a text, before anything else is done to it: control tokens, which decoding
 * may skip, and those that users of the model defined, which it keeps.
 * @param special those that metadata names, whatever their type says
 */
export function addedTokens(
  { tokens, types }: Vocabulary,
  special: readonly { id: number }[],
): object[] {
  const named = new Set(special.map(({ id }) => id));
  const isSpecial = (id: number): boolean =>
    named.has(id) || types[id] === TOKEN_TYPES.control || types[id] === TOKEN_TYPES.unknown;
  return tokens.flatMap((content, id) =>
    content !== "" && (isSpecial(id) || types[id] === TOKEN_TYPES.userDefined)
      ? [
          {
            id,
            content,
            single_word: false,
            lstrip: false,
            rstrip: false,
            normalized: false,
            special: isSpecial(id),
          },
        ]
      : [],
  );
}

export const MERGES = "tokenizer.ggml.merges";

/** Pairs of tokens to join, the first to be joined first. */
export function optionalMerges(header: GgufHeader): [string, string][] | undefined {
  return optionalTexts(header, MERGES)?.map((line, i) => {
    // A first part may itself be a space.
    const space = line.indexOf(" ", 1);
    if (space < 0) {
      throw new InputError(
        `${header.file}: ${MERGES}[${i}] ${JSON.stringify(line)} is not two parts with a space between`,
      );
    }
    return [line.slice(0, space), line.slice(space + 1)];
  });
}
