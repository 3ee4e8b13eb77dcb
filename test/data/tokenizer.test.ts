import assert from "node:assert/strict";
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, suite, test } from "node:test";
import { checkInVocabulary, loadTokenizer } from "../../src/data/tokenizer.ts";
import { refuses } from "../support/refuses.ts";
import { tempDir } from "../support/temp-dir.ts";

const SAMPLE = path.join(import.meta.dirname, "../../samples/models/retune-tiny");
type Json = Record<string, unknown>;

/** A copy of the sample's folder without its weights, some of its files changed. */
function folderOf(
  t: TestContext,
  changes: Readonly<Record<string, (json: Json) => Json>> = {},
): string {
  const dir = path.join(tempDir(t), "model");
  cpSync(SAMPLE, dir, { recursive: true, filter: (file) => !file.endsWith(".safetensors") });
  for (const [name, change] of Object.entries(changes)) {
    const file = path.join(dir, name);
    const json = JSON.parse(readFileSync(file, "utf8")) as Json;
    writeFileSync(file, JSON.stringify(change(json)));
  }
  return dir;
}

suite("a model folder's tokenizer", () => {
  test("knows where texts begin and answers end, its own end first", async () => {
    const tokenizer = await loadTokenizer(SAMPLE);
    // tokenizer_config.json: eos <|im_end|> = 2; generation_config.json: [2, 0]; config.json: 2
    assert.deepEqual(tokenizer.eosTokenIds, [2, 0]);
    assert.equal(tokenizer.bosTokenId, 0);
    assert(tokenizer.chatTemplate);
  });

  test("ends answers where config.json says when nothing else does", async (t) => {
    const dir = folderOf(t, {
      "tokenizer_config.json": (json) => ({ ...json, eos_token: undefined }),
      "config.json": (json) => ({ ...json, eos_token_id: [7, 7, "8"] }),
    });
    rmSync(path.join(dir, "generation_config.json"));
    assert.deepEqual((await loadTokenizer(dir)).eosTokenIds, [7]);
    const never = folderOf(t, {
      "tokenizer_config.json": (json) => ({ ...json, eos_token: undefined }),
      "generation_config.json": () => ({}),
      "config.json": (json) => ({ ...json, eos_token_id: null }),
    });
    assert.deepEqual((await loadTokenizer(never)).eosTokenIds, []);
  });

  test("gives texts back, byte for byte", async () => {
    const tokenizer = await loadTokenizer(SAMPLE);
    for (const text of [
      "Hello, world",
      " two  spaces ",
      "é😀\u{0}\n",
      "<|im_start|>user\nHi<|im_end|>",
      "",
    ]) {
      assert.equal(tokenizer.decode(await tokenizer.encode(text)), text);
    }
    assert.equal(tokenizer.decode([]), "");
    assert.equal(tokenizer.decode([1_000_000]), "", "an id that is no token");
  });

  test("encodes many texts as one by one, in their order", async () => {
    const tokenizer = await loadTokenizer(SAMPLE);
    const texts = Array.from({ length: 50 }, (_, i) => `${"word ".repeat(i)}${i}`);
    const batch = await tokenizer.encodeBatch(texts);
    for (const [i, text] of texts.entries()) {
      assert.deepEqual([...(batch[i]?.ids ?? [])], [...(await tokenizer.encode(text))]);
    }
    assert.deepEqual(await tokenizer.encodeBatch([]), []);
  });

  test("adds special tokens as it is set up to, and not where it is told so", async (t) => {
    const dir = folderOf(t, {
      "tokenizer.json": (json) => ({
        ...json,
        post_processor: {
          type: "TemplateProcessing",
          single: [
            { SpecialToken: { id: "<|endoftext|>", type_id: 0 } },
            { Sequence: { id: "A", type_id: 0 } },
          ],
          pair: [{ Sequence: { id: "A", type_id: 0 } }, { Sequence: { id: "B", type_id: 1 } }],
          special_tokens: {
            "<|endoftext|>": { id: "<|endoftext|>", ids: [0], tokens: ["<|endoftext|>"] },
          },
        },
      }),
    });
    const tokenizer = await loadTokenizer(dir);
    const plain = await tokenizer.encode("Hi", { addSpecialTokens: false });
    assert.deepEqual(plain, await (await loadTokenizer(SAMPLE)).encode("Hi"));
    assert.deepEqual(await tokenizer.encode("Hi"), [0, ...plain]);
  });

  test("may lie elsewhere than the model, and its chat template elsewhere again", async (t) => {
    const [model, other] = [folderOf(t), folderOf(t)];
    for (const name of ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"]) {
      rmSync(path.join(model, name));
    }
    writeFileSync(path.join(model, "config.json"), JSON.stringify({ eos_token_id: 9 }));
    rmSync(path.join(model, "generation_config.json"));
    const place = { tokenizerDir: other, templateDir: model };
    const tokenizer = await loadTokenizer(model, place);
    assert.deepEqual(tokenizer.eosTokenIds, [2, 9], "its own, and the model's");
    assert.equal(tokenizer.chatTemplate, undefined);
    const both = await loadTokenizer(model, { tokenizerDir: other, templateDir: other });
    assert(both.chatTemplate);
    assert(tokenizer.sources.includes(path.join(other, "tokenizer.json")));
    assert(tokenizer.sources.includes(path.join(model, "chat_template.jinja")));
    assert.equal(new Set(both.sources).size, both.sources.length);
  });

  test("is refused with its file where it is missing, no JSON or nothing the library knows", async (t) => {
    const dir = tempDir(t);
    await refuses(loadTokenizer(dir), /has no tokenizer\.json; a fast tokenizer is needed$/);
    writeFileSync(path.join(dir, "tokenizer.json"), "{");
    await refuses(loadTokenizer(dir), /tokenizer\.json:1:\d+: not valid JSON/);
    writeFileSync(path.join(dir, "tokenizer.json"), "[]");
    await refuses(loadTokenizer(dir), /tokenizer\.json/);
    const unknown = folderOf(t, {
      "tokenizer.json": (json) => ({ ...json, model: { type: "T5" } }),
    });
    await refuses(loadTokenizer(unknown), /^.*tokenizer\.json: ./);
    const broken = folderOf(t);
    writeFileSync(path.join(broken, "generation_config.json"), "no");
    await refuses(loadTokenizer(broken), /generation_config\.json:1:1: not valid JSON/);
  });

  test("is refused with a decoder whose pattern could keep a text busy without end", async (t) => {
    const dir = folderOf(t, {
      "tokenizer.json": (json) => ({
        ...json,
        decoder: { type: "Replace", pattern: { Regex: "(a+)+$" }, content: "" },
      }),
    });
    await refuses(
      loadTokenizer(dir),
      /tokenizer\.json: the decoder's pattern "\(a\+\)\+\$" could keep/,
    );
  });
});

suite("tokens and the model's vocabulary", () => {
  const tokenizer = { decode: (ids: readonly number[]) => `token "${ids.join()}"` };
  const check = (ids: readonly number[], vocabSize: number) =>
    checkInVocabulary(ids, { vocabSize, tokenizer, place: "rows.jsonl:3" });

  test("belong together up to its last row", () => {
    check([0, 9, 5], 10);
    check([], 0);
  });

  test("do not beyond it, and the first such token is named", () => {
    assert.throws(() => check([0, 10, 11], 10), {
      name: "InputError",
      message:
        /^rows\.jsonl:3: token 10 \("token \\"10\\""\) is outside the model's vocabulary of 10: /,
    });
  });
});
