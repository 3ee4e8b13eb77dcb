import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Tokenizer } from "tokenizers";
import { sentencePieceTokenizer } from "../../src/gguf/sentence-piece-tokenizer.ts";
import { readVocabulary } from "../../src/gguf/vocabulary.ts";
import { tinyHeader } from "./tiny-header.ts";

const tokens = ["<unk>", "<0x41>", "▁", "a", "b", "c", "ab", "bc"];
tokens.push("abc", "▁a", "aa", "aaa", "▁abc", "<0xC3>", "<0xA9>");
const metadata = {
  "tokenizer.ggml.tokens": tokens,
  "tokenizer.ggml.scores": [0, 0, -9, -10, -11, -12, -1, -1, -2, -3, -4, -4, -5, 0, 0],
  "tokenizer.ggml.token_type": [2, 6, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 6, 6],
  "tokenizer.ggml.unknown_token_id": 0,
};
type Metadata = Parameters<typeof tinyHeader>[0];

function jsonOf(changes: Metadata = {}) {
  const header = tinyHeader({ ...metadata, ...changes });
  return sentencePieceTokenizer(header, readVocabulary(header));
}

/** Real pieces, by the library that reads the file. */
function tokenizerOf(changes: Metadata = {}): Tokenizer {
  return Tokenizer.fromString(
    JSON.stringify({ version: "1.0", added_tokens: [], post_processor: null, ...jsonOf(changes) }),
  );
}

const mergesOf = (changes: Metadata = {}) =>
  (jsonOf(changes)["model"] as { merges: unknown }).merges;

suite("SentencePiece's merges", () => {
  test("are transformers' in transformers' order, ties of scores too", () => {
    // transformers 5.23, tokenization_utils_sentencepiece: generate_merges(vocab, scores)
    assert.deepEqual(mergesOf(), [
      ["a", "b"],
      ["b", "c"],
      ["ab", "c"],
      ["a", "bc"],
      ["▁", "a"],
      ["aa", "a"],
      ["a", "aa"],
      ["a", "a"],
      ["▁a", "bc"],
      ["▁", "abc"],
    ]);
  });

  test("are the file's own where it has them", () => {
    const own = { "tokenizer.ggml.merges": ["b c"], "tokenizer.ggml.scores": [] };
    assert.deepEqual(mergesOf(own), [["b", "c"]]);
  });

  test("lead only to plain tokens", () => {
    const types = metadata["tokenizer.ggml.token_type"].with(6, 3);
    assert.deepEqual(
      mergesOf({ "tokenizer.ggml.token_type": types }),
      [
        ["b", "c"],
        ["a", "bc"],
        ["▁", "a"],
        ["aa", "a"],
        ["a", "aa"],
        ["a", "a"],
        ["▁a", "bc"],
        ["▁", "abc"],
      ],
      "neither ab nor what is made of it",
    );
  });

  test("cut no character in two", () => {
    const found = mergesOf({
      "tokenizer.ggml.tokens": ["<unk>", "😀", "😀😀", "\ud83d", "\ude00"],
      "tokenizer.ggml.scores": [0, -1, -2, -3, -4],
      "tokenizer.ggml.token_type": [2, 1, 1, 1, 1],
    });
    assert.deepEqual(found, [["😀", "😀"]]);
  });

  test("are refused where not every token has a score", () => {
    assert.throws(() => mergesOf({ "tokenizer.ggml.scores": [1, 2] }), {
      name: "InputError",
      message: "/models/tiny.gguf: tokenizer.ggml.scores has 2 entries for 15 tokens",
    });
  });
});

suite("a tokenizer of SentencePiece's", () => {
  const pieces = async (text: string, changes: Metadata = {}) =>
    (await tokenizerOf(changes).encode(text)).getTokens();

  test("joins the best piece first, with a space before the text", async () => {
    // ▁ a b c → ab (−1, before bc of the same score, further left) → abc (−2) → ▁abc (−5)
    assert.deepEqual(await pieces("abc"), ["▁abc"]);
    assert.deepEqual(await pieces("bca a"), ["▁", "bc", "a", "▁a"]);
  });

  test("has no space before the text where the file says so", async () => {
    const changes = { "tokenizer.ggml.add_space_prefix": false };
    assert.deepEqual(await pieces("abc", changes), ["abc"]);
    assert.deepEqual(await pieces(" abc", changes), ["▁abc"]);
  });

  test("spells what it does not know in bytes, and joins what has none to one unknown", async () => {
    assert.deepEqual(await pieces("aé"), ["▁a", "<0xC3>", "<0xA9>"]);
    // The vocabulary lacks all bytes of U+0436 and U+044E: D0 B6, D1 8E.
    assert.deepEqual(await pieces("a\u{436}\u{44e}"), ["▁a", "<unk>"]);
  });

  test("gives texts back as they were, spaces before them too", async () => {
    for (const changes of [{}, { "tokenizer.ggml.add_space_prefix": false }]) {
      const tokenizer = tokenizerOf(changes);
      for (const text of ["abc", " abc", "a  b", "", "é a", "aaa bc  "]) {
        const ids = (await tokenizer.encode(text)).getIds();
        assert.equal(await tokenizer.decode(ids, false), text);
      }
    }
  });

  test("names the key of an unknown token beyond the vocabulary", () => {
    assert.throws(() => jsonOf({ "tokenizer.ggml.unknown_token_id": 15 }), {
      name: "InputError",
      message:
        "/models/tiny.gguf: tokenizer.ggml.unknown_token_id is 15, but the vocabulary has 15 tokens",
    });
  });
});
