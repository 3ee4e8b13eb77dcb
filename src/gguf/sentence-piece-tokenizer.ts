/** SentencePiece BPE with byte fallback ("llama" in GGUF): Llama 1 and 2, TinyLlama, Mistral. */
import { InputError } from "../util/errors.ts";
import type { GgufHeader } from "./header.ts";
import { optionalFlag, optionalNumber, optionalNumbers } from "./metadata.ts";
import { type Vocabulary, isPlain, optionalMerges, tokenAt, vocabularyJson } from "./vocabulary.ts";

type Json = Readonly<Record<string, unknown>>;

/** SentencePiece's stand-in for a space. */
const SPACE = "\u2581";

export function sentencePieceTokenizer(header: GgufHeader, vocabulary: Vocabulary): Json {
  const prefix = optionalFlag(header, "tokenizer.ggml.add_space_prefix") ?? true;
  const unknown = optionalNumber(header, "tokenizer.ggml.unknown_token_id") ?? 0;
  const place = { file: header.file, key: "unknown_token_id" };
  const replace = { type: "Replace", pattern: { String: " " }, content: SPACE };
  return {
    // Per stretch between special tokens, as llama.cpp and Llama 2's own tokenizer.json do.
    normalizer: prefix
      ? { type: "Sequence", normalizers: [{ type: "Prepend", prepend: SPACE }, replace] }
      : replace,
    pre_tokenizer: null,
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: SPACE }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        ...(prefix ? [{ type: "Strip", content: " ", start: 1, stop: 0 }] : []),
      ],
    },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: tokenAt(vocabulary, unknown, place),
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      vocab: vocabularyJson(vocabulary),
      merges: mergesOf(header, vocabulary),
    },
  };
}

/**
 * SentencePiece merges the pair whose joined piece has the best score; as a list of merges: every
 * way to cut a piece into two others, best score first (transformers' `generate_merges`).
 */
function mergesOf(header: GgufHeader, vocabulary: Vocabulary): (readonly [string, string])[] {
  const given = optionalMerges(header);
  if (given) return given;
  const { tokens } = vocabulary;
  const scores = optionalNumbers(header, "tokenizer.ggml.scores");
  if (scores?.length !== tokens.length) {
    throw new InputError(
      `${header.file}: tokenizer.ggml.scores has ${scores?.length ?? "no"} entries for ${tokens.length} tokens`,
    );
  }
  const ids = new Map(
    tokens.flatMap((token, id): [string, number][] =>
      isPlain(vocabulary, id) ? [[token, id]] : [],
    ),
  );
  const merges = [...ids].flatMap(([token, id]) =>
    cuts(token, ids).map((cut) => ({ ...cut, score: scores[id]! })),
  );
  return merges
    .toSorted(
      (a, b) => b.score - a.score || b.leftLength - a.leftLength || b.rightLength - a.rightLength,
    )
    .map(({ left, right }) => [left, right]);
}

interface Cut {
  left: string;
  right: string;
  leftLength: number;
  rightLength: number;
}

/** The ways to cut a token into two others, the oldest left part first. */
function cuts(token: string, ids: ReadonlyMap<string, number>): Cut[] {
  const characters = Array.from(token);
  const found: (Cut & { rank: number })[] = [];
  let left = "";
  for (let i = 1; i < characters.length; i++) {
    left += characters[i - 1]!;
    const right = token.slice(left.length);
    const rank = ids.get(left);
    if (rank !== undefined && ids.has(right)) {
      found.push({ left, right, rank, leftLength: i, rightLength: characters.length - i });
    }
  }
  return found.toSorted((a, b) => a.rank - b.rank);
}
