import assert from "node:assert/strict";
import { suite, test } from "node:test";
import {
  addedTokens,
  isPlain,
  optionalMerges,
  readVocabulary,
  tokenAt,
  vocabularyJson,
} from "../../src/gguf/vocabulary.ts";
import { tinyHeader } from "./tiny-header.ts";

// llama.h: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte
const tokens = ["a", "<unk>", "<s>", "<tool>", "<spare>", "<0x41>", "ab"];
const types = [1, 2, 3, 4, 5, 6, 1];
const metadata = { "tokenizer.ggml.tokens": tokens, "tokenizer.ggml.token_type": types };
const vocabulary = readVocabulary(tinyHeader(metadata));

suite("a .gguf's vocabulary", () => {
  test("is its tokens by id, with the type of each", () => {
    assert.deepEqual(vocabulary, { tokens, types });
    assert.deepEqual(vocabularyJson(vocabulary), {
      a: 0,
      "<unk>": 1,
      "<s>": 2,
      "<tool>": 3,
      "<spare>": 4,
      "<0x41>": 5,
      ab: 6,
    });
  });

  test("may have no types: then all are plain", () => {
    const bare = readVocabulary(tinyHeader({ "tokenizer.ggml.tokens": tokens }));
    assert.deepEqual(bare.types, []);
    assert(tokens.every((_, id) => isPlain(bare, id)));
    assert.deepEqual(addedTokens(bare, []), []);
  });

  test("is refused without tokens, or with types for others", () => {
    assert.throws(() => readVocabulary(tinyHeader({})), {
      name: "InputError",
      message: "/models/tiny.gguf: metadata tokenizer.ggml.tokens is missing",
    });
    const short = { ...metadata, "tokenizer.ggml.token_type": [1, 1] };
    assert.throws(() => readVocabulary(tinyHeader(short)), {
      name: "InputError",
      message: "/models/tiny.gguf: tokenizer.ggml.token_type has 2 entries for 7 tokens",
    });
  });

  test("gives a special token's text, and names the key whose id is beyond it", () => {
    const place = { file: "tiny.gguf", key: "bos_token_id" };
    assert.equal(tokenAt(vocabulary, 2, place), "<s>");
    for (const id of [7, -1, 0.5]) {
      assert.throws(() => tokenAt(vocabulary, id, place), {
        name: "InputError",
        message: `tiny.gguf: tokenizer.ggml.bos_token_id is ${id}, but the vocabulary has 7 tokens`,
      });
    }
  });

  test("has tokens that a text is made of: normal and the user's", () => {
    assert.deepEqual(
      tokens.filter((_, id) => isPlain(vocabulary, id)),
      ["a", "<tool>", "ab"],
    );
  });
});

suite("tokens found whole in a text", () => {
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false };

  test("are control, unknown and the user's; decoding keeps only the user's", () => {
    assert.deepEqual(addedTokens(vocabulary, []), [
      { id: 1, content: "<unk>", ...flags, special: true },
      { id: 2, content: "<s>", ...flags, special: true },
      { id: 3, content: "<tool>", ...flags, special: false },
    ]);
  });

  test("are those that metadata names too, whatever their type", () => {
    const found = addedTokens(vocabulary, [{ id: 0 }, { id: 3 }]);
    assert.deepEqual(found[0], { id: 0, content: "a", ...flags, special: true });
    assert.deepEqual(found[3], { id: 3, content: "<tool>", ...flags, special: true });
  });

  test("are never empty: an empty one would be found everywhere", () => {
    assert.deepEqual(addedTokens({ tokens: ["", "x"], types: [3, 1] }, [{ id: 0 }]), []);
  });
});

suite("merges of a .gguf", () => {
  const mergesOf = (...lines: string[]) =>
    optionalMerges(tinyHeader({ "tokenizer.ggml.merges": lines }));

  test("are pairs cut at the space, of which the first part may begin with one", () => {
    assert.deepEqual(mergesOf("a b", "Ġt he", "  a", "▁ ▁▁"), [
      ["a", "b"],
      ["Ġt", "he"],
      [" ", "a"],
      ["▁", "▁▁"],
    ]);
    assert.equal(optionalMerges(tinyHeader({})), undefined);
  });

  test("of one part are refused with their number", () => {
    for (const line of ["ab", " ab", ""]) {
      assert.throws(() => mergesOf("a b", line), {
        name: "InputError",
        message: `/models/tiny.gguf: tokenizer.ggml.merges[1] ${JSON.stringify(line)} is not two parts with a space between`,
      });
    }
  });
});
