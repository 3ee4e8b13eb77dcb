/** Byte-level BPE ("gpt2" in GGUF): GPT-2's, Llama 3's, SmolLM's and many others'. */
import { InputError } from "../util/errors.ts";
import type { GgufHeader } from "./header.ts";
import { optionalText } from "./metadata.ts";
import { MERGES, type Vocabulary, optionalMerges, vocabularyJson } from "./vocabulary.ts";

type Json = Readonly<Record<string, unknown>>;

interface PreTokenizer {
  /** One after the other, each splitting the pieces that the last one left. */
  splits: readonly string[];
  /** A piece that is a token is taken whole, whatever the merges say. */
  ignoreMerges?: boolean;
}

const GPT2 = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;
const LLAMA3 = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
const QWEN2 = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
const TEKKEN = String.raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

const gpt2: PreTokenizer = { splits: [GPT2] };
/** Digits one by one, then as GPT-2. */
const digits: PreTokenizer = { splits: [String.raw`\p{N}`, GPT2] };
const llama3: PreTokenizer = { splits: [LLAMA3], ignoreMerges: true };
const qwen2: PreTokenizer = { splits: [QWEN2] };

/** By `tokenizer.ggml.pre`, as llama.cpp groups them (src/llama-vocab.cpp). */
const PRE_TOKENIZERS: ReadonlyMap<string, PreTokenizer> = new Map(
  Object.entries({
    "gpt-2": gpt2,
    mpt: gpt2,
    olmo: gpt2,
    jais: gpt2,
    smollm: digits,
    starcoder: digits,
    refact: digits,
    codeshell: digits,
    "command-r": digits,
    exaone: digits,
    "minerva-7b": digits,
    "llama-bpe": llama3,
    llama3,
    "llama-v3": llama3,
    falcon3: llama3,
    qwen2,
    "deepseek-r1-qwen": qwen2,
    megrez: qwen2,
    tekken: { splits: [TEKKEN], ignoreMerges: true },
  }),
);

export function byteLevelTokenizer(
  header: GgufHeader,
  vocabulary: Vocabulary,
  log: (line: string) => void,
): Json {
  const { splits, ignoreMerges = false } = preTokenizer(header, log);
  return {
    normalizer: null,
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        ...splits.map((regex) => ({
          type: "Split",
          pattern: { Regex: regex },
          behavior: "Isolated",
          invert: false,
        })),
        { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
      ],
    },
    decoder: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: ignoreMerges,
      vocab: vocabularyJson(vocabulary),
      merges: mergesOf(header),
    },
  };
}

function preTokenizer(header: GgufHeader, log: (line: string) => void): PreTokenizer {
  const name = optionalText(header, "tokenizer.ggml.pre") ?? "default";
  if (name === "default") {
    log(
      `${header.file} does not say how its tokenizer splits text (tokenizer.ggml.pre); taking GPT-2's way. Where it is another, tokens differ from those the model was trained on.`,
    );
    return gpt2;
  }
  const found = PRE_TOKENIZERS.get(name);
  if (!found) {
    throw new InputError(
      `${header.file}: tokenizer.ggml.pre "${name}" is not supported; supported: default, ${[...PRE_TOKENIZERS.keys()].join(", ")}`,
    );
  }
  return found;
}

function mergesOf(header: GgufHeader): [string, string][] {
  const merges = optionalMerges(header);
  if (!merges) throw new InputError(`${header.file}: metadata ${MERGES} is missing`);
  return merges;
}
