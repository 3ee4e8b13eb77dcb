/** Special and added tokens, wherever a folder names them, against AutoTokenizer (golden by make_special_tokens.py). */
import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { loadDataset } from "../../src/data/dataset.ts";
import { loadTokenizer } from "../../src/data/tokenizer.ts";

const golden = (name: string): string =>
  fileURLToPath(new URL(`../golden/data/${name}.json`, import.meta.url));

interface Case {
  name: string;
  files: Record<string, unknown>;
  rows: [string, number[]][];
  bos: number | null;
  eos: number | null;
}

function folderOf(files: Record<string, unknown>): string {
  const dir = mkdtempSync(path.join(tmpdir(), "retune-special-"));
  copyFileSync(golden("offsets/qwen"), path.join(dir, "tokenizer.json"));
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(path.join(dir, name), JSON.stringify(content));
  }
  return dir;
}

const cases = JSON.parse(readFileSync(golden("special-tokens"), "utf8")) as Case[];

for (const { name, files, rows, bos, eos } of cases) {
  test(`${name}: ids are AutoTokenizer's`, async (t) => {
    const dir = folderOf(files);
    t.after(() => rmSync(dir, { recursive: true }));
    const tokenizer = await loadTokenizer(dir);
    assert.equal(tokenizer.bosTokenId ?? null, bos);
    assert.equal(tokenizer.eosTokenIds[0] ?? null, eos);
    for (const [text, ids] of rows) {
      assert.deepEqual(await tokenizer.encode(text), ids, JSON.stringify(text));
    }
  });
}

test("a row of text ends with the EOS that only special_tokens_map.json names", async (t) => {
  const dir = folderOf({ "special_tokens_map.json": { eos_token: "</s>" } });
  t.after(() => rmSync(dir, { recursive: true }));
  const file = path.join(dir, "rows.jsonl");
  writeFileSync(file, '{"text": "a b"}');
  const tokenizer = await loadTokenizer(dir);
  const { examples } = await loadDataset(file, {
    tokenizer,
    vocabSize: Infinity,
    format: "auto",
    lossOn: "auto",
    maxLength: 50,
    overlong: "error",
  });
  assert.equal(tokenizer.decode([...examples.at(0)!.ids]), "a b</s>");
});

test("an entry of added_tokens_decoder that is no token is named", async (t) => {
  const dir = folderOf({ "tokenizer_config.json": { added_tokens_decoder: { 7: 5 } } });
  t.after(() => rmSync(dir, { recursive: true }));
  await assert.rejects(loadTokenizer(dir), /tokenizer_config\.json: added_tokens_decoder\[7\]/);
});

/** A tokenizer.json of words, without more. */
function wordsFolder(vocab: Record<string, number>): string {
  const dir = mkdtempSync(path.join(tmpdir(), "retune-words-"));
  const none = {
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: { type: "Whitespace" },
    post_processor: null,
    decoder: null,
  };
  const model = { type: "WordLevel", vocab, unk_token: "[UNK]" };
  const json = { version: "1.0", truncation: null, padding: null, ...none, model };
  writeFileSync(path.join(dir, "tokenizer.json"), JSON.stringify(json));
  return dir;
}

test("a text that the tokenizer has no token for is told with the tokenizer's file", async (t) => {
  const dir = wordsFolder({ a: 0 });
  t.after(() => rmSync(dir, { recursive: true }));
  const tokenizer = await loadTokenizer(dir);
  assert.deepEqual(await tokenizer.encode("a a"), [0, 0]);
  await assert.rejects(tokenizer.encode("b"), /tokenizer\.json: .*UNK/u);
});

test("an id that is no integer is refused with the file, a huge one costs nothing", async (t) => {
  const fraction = wordsFolder({ a: 1.5 });
  const huge = wordsFolder({ a: 2_147_483_647 });
  t.after(() => [fraction, huge].forEach((dir) => rmSync(dir, { recursive: true })));
  await assert.rejects(loadTokenizer(fraction), /tokenizer\.json: /u);
  const started = performance.now();
  assert.deepEqual(await (await loadTokenizer(huge)).encode("a"), [2_147_483_647]);
  assert.ok(performance.now() - started < 5000);
});

test("truncation and padding that a tokenizer.json holds are not applied to rows", async (t) => {
  const dir = wordsFolder({ a: 0, "[UNK]": 1 });
  t.after(() => rmSync(dir, { recursive: true }));
  const file = path.join(dir, "tokenizer.json");
  const json = JSON.parse(readFileSync(file, "utf8")) as object;
  const truncation = { direction: "Right", max_length: 2, strategy: "LongestFirst", stride: 0 };
  const padding = {
    strategy: { Fixed: 8 },
    direction: "Right",
    pad_to_multiple_of: null,
    pad_id: 1,
    pad_type_id: 0,
    pad_token: "[UNK]",
  };
  writeFileSync(file, JSON.stringify({ ...json, truncation, padding }));
  assert.deepEqual(await (await loadTokenizer(dir)).encode("a a a"), [0, 0, 0]);
});
