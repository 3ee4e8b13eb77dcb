import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Tokenizer } from "tokenizers";
import { byteLevelTokenizer } from "../../src/gguf/byte-level-tokenizer.ts";
import { readVocabulary } from "../../src/gguf/vocabulary.ts";
import { tinyHeader } from "./tiny-header.ts";

/** GPT-2's stand-ins for bytes (openai/gpt-2, encoder.py, bytes_to_unicode): printable ones are themselves. */
const BYTES = ((): string[] => {
  let next = 256;
  const isPrintable = (b: number) =>
    (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || (b >= 174 && b <= 255);
  return Array.from({ length: 256 }, (_, b) => String.fromCodePoint(isPrintable(b) ? b : next++));
})();

function jsonOf(pre: string | undefined, log: string[] = []) {
  const header = tinyHeader({
    "tokenizer.ggml.tokens": [...BYTES, "12", "123", "1234", "It", "Ġa", "XYZ"],
    "tokenizer.ggml.merges": ["1 2", "12 3", "123 4", "I t", "Ġ a"],
    ...(pre === undefined ? {} : { "tokenizer.ggml.pre": pre }),
  });
  return byteLevelTokenizer(header, readVocabulary(header), (line) => log.push(line));
}

function tokenizerOf(pre: string | undefined): Tokenizer {
  return Tokenizer.fromString(
    JSON.stringify({ version: "1.0", added_tokens: [], post_processor: null, ...jsonOf(pre) }),
  );
}

const pieces = async (pre: string, text: string) =>
  (await tokenizerOf(pre).encode(text)).getTokens();

suite("byte-level BPE from a .gguf", () => {
  test("cuts digits as each family does: by any number, one by one, by three", async () => {
    assert.deepEqual(await pieces("gpt-2", "12345"), ["1234", "5"]);
    for (const pre of ["smollm", "starcoder", "qwen2", "tekken"]) {
      assert.deepEqual(await pieces(pre, "12345"), ["1", "2", "3", "4", "5"], pre);
    }
    for (const pre of ["llama-bpe", "llama3", "falcon3"]) {
      assert.deepEqual(await pieces(pre, "12345"), ["123", "4", "5"], pre);
    }
  });

  test("takes a piece that is a token whole only where the family ignores merges", async () => {
    // No merge leads to XYZ.
    for (const pre of ["llama-bpe", "tekken"]) {
      assert.deepEqual(await pieces(pre, "XYZ"), ["XYZ"], pre);
    }
    for (const pre of ["gpt-2", "qwen2", "smollm"]) {
      assert.deepEqual(await pieces(pre, "XYZ"), ["X", "Y", "Z"], pre);
    }
  });

  test("merges no space into the text's first word, and does into others'", async () => {
    assert.deepEqual(await pieces("gpt-2", "a a"), ["a", "Ġa"]);
    assert.deepEqual(await pieces("gpt-2", "It a"), ["It", "Ġa"]);
  });

  for (const pre of ["gpt-2", "smollm", "llama-bpe", "qwen2", "tekken"]) {
    test(`of ${pre} gives any text back as it was`, async () => {
      const tokenizer = tokenizerOf(pre);
      for (const text of ["", " a", "It's 1234!\r\n\r\n  x", "é😀\0\t", "don'T \u2028 ＡＢ  "]) {
        const ids = (await tokenizer.encode(text)).getIds();
        assert.equal(await tokenizer.decode(ids, false), text);
      }
    });
  }

  test("is GPT-2's where the file does not say, and the log tells", () => {
    for (const pre of [undefined, "default"]) {
      const log: string[] = [];
      assert.deepEqual(jsonOf(pre, log), jsonOf("gpt-2"));
      assert.equal(log.length, 1);
      assert.match(log[0] ?? "", /^\/models\/tiny\.gguf does not say .*tokenizer\.ggml\.pre/);
    }
    const log: string[] = [];
    jsonOf("llama-bpe", log);
    assert.deepEqual(log, []);
  });

  test("is refused with a way to split that is not known, or without merges", () => {
    assert.throws(() => jsonOf("viking"), {
      name: "InputError",
      message:
        /^\/models\/tiny\.gguf: tokenizer\.ggml\.pre "viking" is not supported; supported: default, gpt-2, /,
    });
    // What every object inherits is no family's name either.
    assert.throws(() => jsonOf("toString"), { name: "InputError" });
    const header = tinyHeader({ "tokenizer.ggml.tokens": ["a"], "tokenizer.ggml.pre": "gpt-2" });
    assert.throws(() => byteLevelTokenizer(header, readVocabulary(header), () => {}), {
      name: "InputError",
      message: "/models/tiny.gguf: metadata tokenizer.ggml.merges is missing",
    });
  });
});
