/** tokenizer.json and its companions from a .gguf's `tokenizer.*` metadata. */
import { InputError } from "../util/errors.ts";
import { byteLevelTokenizer } from "./byte-level-tokenizer.ts";
import type { GgufHeader } from "./header.ts";
import { optionalFlag, optionalNumber, optionalText } from "./metadata.ts";
import { sentencePieceTokenizer } from "./sentence-piece-tokenizer.ts";
import { type Vocabulary, addedTokens, readVocabulary, tokenAt } from "./vocabulary.ts";

type Json = Readonly<Record<string, unknown>>;

export interface TokenizerFiles {
  "tokenizer.json": Json;
  "tokenizer_config.json": Json;
  "generation_config.json": Json;
}

/** By `tokenizer.ggml.model`. */
const TOKENIZERS: ReadonlyMap<
  string,
  {
    make: (header: GgufHeader, vocabulary: Vocabulary, log: (line: string) => void) => Json;
    /** What llama.cpp does where a file does not say. */
    addsBos: (pre: string | undefined) => boolean;
  }
> = new Map([
  [
    "gpt2",
    { make: byteLevelTokenizer, addsBos: (pre?: string) => pre?.startsWith("llama") === true },
  ],
  ["llama", { make: sentencePieceTokenizer, addsBos: () => true }],
]);

/** @throws InputError for a kind of tokenizer that is not supported, or metadata that is not whole */
export function tokenizerFiles(header: GgufHeader, log: (line: string) => void): TokenizerFiles {
  const { file } = header;
  const kind = optionalText(header, "tokenizer.ggml.model");
  const tokenizer = kind === undefined ? undefined : TOKENIZERS.get(kind);
  if (!tokenizer) {
    throw new InputError(
      `${file}: tokenizer.ggml.model ${kind === undefined ? "is missing" : `"${kind}" is not supported`}; supported: ${[...TOKENIZERS.keys()].join(", ")}`,
    );
  }
  const vocabulary = readVocabulary(header);
  const pre = optionalText(header, "tokenizer.ggml.pre");
  const special = specialTokens(header, vocabulary);
  const addBos =
    optionalFlag(header, "tokenizer.ggml.add_bos_token") ??
    (special.bos_token !== undefined && tokenizer.addsBos(pre));
  const addEos = optionalFlag(header, "tokenizer.ggml.add_eos_token") ?? false;
  for (const [key, add] of [
    ["bos_token", addBos],
    ["eos_token", addEos],
  ] as const) {
    if (add && special[key] === undefined) {
      throw new InputError(`${file}: adds its ${key} to texts but does not name one`);
    }
  }
  return {
    "tokenizer.json": {
      version: "1.0",
      truncation: null,
      padding: null,
      added_tokens: addedTokens(vocabulary, Object.values(special)),
      ...tokenizer.make(header, vocabulary, log),
      post_processor: template([
        ...(addBos && special.bos_token ? [special.bos_token] : []),
        "A",
        ...(addEos && special.eos_token ? [special.eos_token] : []),
      ]),
    },
    "tokenizer_config.json": {
      tokenizer_class: "PreTrainedTokenizerFast",
      add_bos_token: addBos,
      add_eos_token: addEos,
      ...Object.fromEntries(Object.entries(special).map(([key, { text }]) => [key, text])),
      clean_up_tokenization_spaces: false,
      model_max_length: optionalNumber(
        header,
        `${optionalText(header, "general.architecture")}.context_length`,
      ),
      chat_template: optionalText(header, "tokenizer.chat_template"),
    },
    "generation_config.json": generationConfig(header, special),
  };
}

interface Token {
  id: number;
  text: string;
}

type SpecialTokens = Partial<Record<"bos_token" | "eos_token" | "unk_token" | "pad_token", Token>>;

function specialTokens(header: GgufHeader, vocabulary: Vocabulary): SpecialTokens {
  const entry = (name: keyof SpecialTokens, key: string): SpecialTokens => {
    const id = optionalNumber(header, `tokenizer.ggml.${key}`);
    return id === undefined
      ? {}
      : { [name]: { id, text: tokenAt(vocabulary, id, { file: header.file, key }) } };
  };
  return {
    ...entry("bos_token", "bos_token_id"),
    ...entry("eos_token", "eos_token_id"),
    ...entry("unk_token", "unknown_token_id"),
    ...entry("pad_token", "padding_token_id"),
  };
}

/** An answer ends at the end of text, of a turn or of a message. */
function generationConfig(header: GgufHeader, special: SpecialTokens): Json {
  const ends = ["eos_token_id", "eot_token_id", "eom_token_id"]
    .map((key) => optionalNumber(header, `tokenizer.ggml.${key}`))
    .filter((id) => id !== undefined);
  const eos = [...new Set(ends)];
  return {
    bos_token_id: special.bos_token?.id,
    eos_token_id: eos.length > 1 ? eos : eos[0],
    pad_token_id: special.pad_token?.id,
  };
}

/** Puts tokens around a text, "A"; null when there are none. */
function template(parts: readonly ("A" | Token)[]): Json | null {
  const tokens = parts.filter((part) => part !== "A");
  if (tokens.length === 0) return null;
  const pieces = (sequence: "A" | "B", typeId: number): Json[] =>
    parts.map((part) =>
      part === "A"
        ? { Sequence: { id: sequence, type_id: typeId } }
        : { SpecialToken: { id: part.text, type_id: typeId } },
    );
  return {
    type: "TemplateProcessing",
    single: pieces("A", 0),
    pair: [...pieces("A", 0), ...pieces("B", 1)],
    special_tokens: Object.fromEntries(
      tokens.map(({ id, text }) => [text, { id: text, ids: [id], tokens: [text] }]),
    ),
  };
}
