import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Tokenizer } from "tokenizers";
import { tokenizerFiles } from "../../src/gguf/tokenizer-files.ts";
import { tinyHeader } from "./tiny-header.ts";

type Metadata = Parameters<typeof tinyHeader>[0];

const byteLevel: Metadata = {
  "general.architecture": "llama",
  "llama.context_length": 64,
  "tokenizer.ggml.model": "gpt2",
  "tokenizer.ggml.pre": "gpt-2",
  "tokenizer.ggml.tokens": ["a", "b", "ab", "<s>", "</s>", "<|turn|>"],
  "tokenizer.ggml.token_type": [1, 1, 1, 3, 3, 4],
  "tokenizer.ggml.merges": ["a b"],
  "tokenizer.ggml.bos_token_id": 3,
  "tokenizer.ggml.eos_token_id": 4,
};
const sentencePiece: Metadata = {
  "tokenizer.ggml.model": "llama",
  "tokenizer.ggml.tokens": ["<unk>", "▁", "a", "▁a"],
  "tokenizer.ggml.scores": [0, -2, -3, -1],
  "tokenizer.ggml.token_type": [2, 1, 1, 1],
};

const filesOf = (metadata: Metadata, log: string[] = []) =>
  tokenizerFiles(tinyHeader(metadata), (line) => log.push(line));

async function encoded(metadata: Metadata, text: string, pair: string | null = null) {
  const tokenizer = Tokenizer.fromString(JSON.stringify(filesOf(metadata)["tokenizer.json"]));
  return (await tokenizer.encode(text, pair)).getTokens();
}

suite("special tokens around a text", () => {
  test("are added as the file says", async () => {
    const flag = (bos: boolean, eos: boolean): Metadata => ({
      ...byteLevel,
      "tokenizer.ggml.add_bos_token": bos,
      "tokenizer.ggml.add_eos_token": eos,
    });
    assert.deepEqual(await encoded(flag(false, false), "ab"), ["ab"]);
    assert.deepEqual(await encoded(flag(true, false), "ab"), ["<s>", "ab"]);
    assert.deepEqual(await encoded(flag(false, true), "ab"), ["ab", "</s>"]);
    assert.deepEqual(await encoded(flag(true, true), "ab"), ["<s>", "ab", "</s>"]);
    assert.deepEqual(await encoded(flag(true, true), "a", "b"), [
      "<s>",
      "a",
      "</s>",
      "<s>",
      "b",
      "</s>",
    ]);
  });

  test("are added as llama.cpp does where it does not say: BOS for SentencePiece and Llama 3", async () => {
    assert.deepEqual(await encoded(byteLevel, "ab"), ["ab"]);
    const llama3 = { ...byteLevel, "tokenizer.ggml.pre": "llama-bpe" };
    assert.deepEqual(await encoded(llama3, "ab"), ["<s>", "ab"]);
    const tokens = [...(sentencePiece["tokenizer.ggml.tokens"] as string[]), "<s>"];
    const named: Metadata = {
      ...sentencePiece,
      "tokenizer.ggml.tokens": tokens,
      "tokenizer.ggml.scores": [0, -2, -3, -1, 0],
      "tokenizer.ggml.token_type": [2, 1, 1, 1, 3],
      "tokenizer.ggml.bos_token_id": 4,
    };
    assert.deepEqual(await encoded(named, "a"), ["<s>", "▁a"]);
    // Without a name there is nothing to add.
    assert.deepEqual(await encoded(sentencePiece, "a"), ["▁a"]);
  });

  test("are refused where the file adds what it does not name", () => {
    for (const [flag, key] of [
      ["add_bos_token", "bos_token"],
      ["add_eos_token", "eos_token"],
    ] as const) {
      const metadata = { ...sentencePiece, [`tokenizer.ggml.${flag}`]: true };
      assert.throws(() => filesOf(metadata), {
        name: "InputError",
        message: `/models/tiny.gguf: adds its ${key} to texts but does not name one`,
      });
    }
  });

  test("and the user's own are found whole in a text", async () => {
    assert.deepEqual(await encoded(byteLevel, "a<|turn|>ab</s>"), ["a", "<|turn|>", "ab", "</s>"]);
  });
});

suite("the files beside tokenizer.json", () => {
  test("say what the metadata say, in transformers' words", () => {
    const template = "{{ messages[0].content }}";
    const files = filesOf({
      ...byteLevel,
      "tokenizer.ggml.padding_token_id": 0,
      "tokenizer.chat_template": template,
    });
    assert.deepEqual(files["tokenizer_config.json"], {
      tokenizer_class: "PreTrainedTokenizerFast",
      add_bos_token: false,
      add_eos_token: false,
      bos_token: "<s>",
      eos_token: "</s>",
      pad_token: "a",
      clean_up_tokenization_spaces: false,
      model_max_length: 64,
      chat_template: template,
    });
    assert.deepEqual(files["generation_config.json"], {
      bos_token_id: 3,
      eos_token_id: 4,
      pad_token_id: 0,
    });
  });

  test("end an answer at every kind of end, each once", () => {
    const ends = (more: Metadata) =>
      filesOf({ ...byteLevel, ...more })["generation_config.json"]["eos_token_id"];
    assert.equal(ends({ "tokenizer.ggml.eot_token_id": 4 }), 4);
    assert.deepEqual(ends({ "tokenizer.ggml.eot_token_id": 5 }), [4, 5]);
    assert.deepEqual(
      ends({ "tokenizer.ggml.eot_token_id": 5, "tokenizer.ggml.eom_token_id": 3 }),
      [4, 5, 3],
    );
    assert.equal(filesOf(sentencePiece)["generation_config.json"]["eos_token_id"], undefined);
  });

  test("are refused for a kind of tokenizer that is not known, or none", () => {
    assert.throws(() => filesOf({ ...byteLevel, "tokenizer.ggml.model": "bert" }), {
      message:
        '/models/tiny.gguf: tokenizer.ggml.model "bert" is not supported; supported: gpt2, llama',
    });
    assert.throws(() => filesOf({}), {
      message: "/models/tiny.gguf: tokenizer.ggml.model is missing; supported: gpt2, llama",
    });
    assert.throws(() => filesOf({ ...byteLevel, "tokenizer.ggml.model": "constructor" }), {
      name: "InputError",
    });
  });

  for (const key of ["bos", "eos", "unknown", "padding"]) {
    test(`are refused for a ${key} token beyond the vocabulary`, () => {
      assert.throws(() => filesOf({ ...byteLevel, [`tokenizer.ggml.${key}_token_id`]: 6 }), {
        name: "InputError",
        message: `/models/tiny.gguf: tokenizer.ggml.${key}_token_id is 6, but the vocabulary has 6 tokens`,
      });
    });
  }
});
