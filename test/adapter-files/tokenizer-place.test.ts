import assert from "node:assert/strict";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, suite, test } from "node:test";
import {
  copyTokenizer,
  isTokenizerFile,
  tokenizerPlace,
} from "../../src/adapter-files/tokenizer-place.ts";
import { refuses } from "../support/refuses.ts";
import { tempDir } from "../support/temp-dir.ts";

const TOKENIZER = { version: "1.0", truncation: null, model: { type: "BPE", vocab: { a: 0 } } };
const GROWN = { ...TOKENIZER, model: { type: "BPE", vocab: { a: 0, b: 1 } } };

function write(dir: string, files: Readonly<Record<string, unknown>>): string {
  mkdirSync(dir, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    const text = typeof content === "string" ? content : JSON.stringify(content);
    writeFileSync(path.join(dir, name), text);
  }
  return dir;
}

function folders(t: TestContext, base: Record<string, unknown>, adapter: Record<string, unknown>) {
  const dir = tempDir(t);
  return {
    base: write(path.join(dir, "base"), base),
    adapter: write(path.join(dir, "adapter"), adapter),
    out: write(path.join(dir, "out"), {}),
  };
}

suite("whose tokenizer it is", () => {
  test("is the base's without an adapter, or with one that has none", async (t) => {
    const { base, adapter } = folders(t, { "tokenizer.json": TOKENIZER }, {});
    const expected = { tokenizerDir: base, templateDir: base, note: undefined };
    assert.deepEqual(await tokenizerPlace(base, undefined), expected);
    assert.deepEqual(await tokenizerPlace(base, adapter), expected);
  });

  test("is the adapter's where it has one, told where that differs", async (t) => {
    const { base, adapter } = folders(
      t,
      { "tokenizer.json": TOKENIZER, "chat_template.jinja": "A" },
      { "tokenizer.json": GROWN },
    );
    const place = { tokenizerDir: adapter, templateDir: base };
    const differs = `${adapter} has its own tokenizer, which differs from the base's: used, as in its training`;
    assert.deepEqual(await tokenizerPlace(base, adapter), { ...place, note: differs });
    write(adapter, { "chat_template.jinja": "B" });
    const both = await tokenizerPlace(base, adapter);
    assert.equal(both.templateDir, adapter);
    assert.match(both.note ?? "", /has its own tokenizer and chat template, which differ from/);
    write(adapter, { "tokenizer.json": TOKENIZER });
    const template = await tokenizerPlace(base, adapter);
    assert.match(template.note ?? "", /has its own chat template, which differs from/);
  });

  test("is no other where a run only cut or padded its rows, or wrote the file with other spaces", async (t) => {
    const cut = { ...TOKENIZER, truncation: { max_length: 8 }, padding: { strategy: "Fixed" } };
    const { base, adapter } = folders(
      t,
      { "tokenizer.json": TOKENIZER },
      { "tokenizer.json": JSON.stringify(cut, null, 2) },
    );
    const place = await tokenizerPlace(base, adapter);
    assert.deepEqual([place.tokenizerDir, place.note], [adapter, undefined]);
  });

  test("is found also where a file of the adapter is given", async (t) => {
    const { base, adapter } = folders(
      t,
      { "tokenizer.json": TOKENIZER },
      { "tokenizer.json": GROWN, "adapter_config.json": {} },
    );
    const place = await tokenizerPlace(base, path.join(adapter, "adapter_config.json"));
    assert.equal(place.tokenizerDir, adapter);
  });

  test("is refused by the file that is no JSON", async (t) => {
    const { base, adapter } = folders(
      t,
      { "tokenizer.json": TOKENIZER },
      { "tokenizer.json": "{" },
    );
    await refuses(tokenizerPlace(base, adapter), /adapter.tokenizer\.json:1:\d+: not valid JSON/);
  });
});

suite("a folder's copy of a tokenizer", () => {
  const FILES = {
    "tokenizer.json": TOKENIZER,
    "tokenizer_config.json": {},
    "special_tokens_map.json": {},
    "added_tokens.json": {},
    "tokenizer.model": "sp",
    "vocab.json": {},
    "merges.txt": "a b",
  };

  test("has all its files and the template of where that is, and nothing else", async (t) => {
    const { base, adapter, out } = folders(
      t,
      { "chat_template.jinja": "base's" },
      { ...FILES, "config.json": {}, "adapter_model.safetensors": "x", "optimizer.pt": "x" },
    );
    await copyTokenizer({ tokenizerDir: adapter, templateDir: base, note: undefined }, out);
    assert.deepEqual(
      readdirSync(out).toSorted(),
      [...Object.keys(FILES), "chat_template.jinja"].toSorted(),
    );
    assert.equal(readFileSync(path.join(out, "chat_template.jinja"), "utf8"), "base's");
    assert.equal(readFileSync(path.join(out, "tokenizer.json"), "utf8"), JSON.stringify(TOKENIZER));
  });

  test("has a template of an older config as a file of its own only where the config did not come along", async (t) => {
    const config = { chat_template: "in the config" };
    const { base, out } = folders(t, { ...FILES, "tokenizer_config.json": config }, {});
    await copyTokenizer({ tokenizerDir: base, templateDir: base, note: undefined }, out);
    assert(!readdirSync(out).includes("chat_template.jinja"));
    const {
      base: other,
      adapter,
      out: second,
    } = folders(t, FILES, { "tokenizer_config.json": config });
    await copyTokenizer({ tokenizerDir: other, templateDir: adapter, note: undefined }, second);
    assert.equal(readFileSync(path.join(second, "chat_template.jinja"), "utf8"), "in the config");
  });

  test("takes files by their whole names", () => {
    for (const name of [...Object.keys(FILES), "chat_template.jinja"])
      assert(isTokenizerFile(name));
    for (const name of [
      "config.json",
      "generation_config.json",
      "tokenizer.json.bak",
      "my_vocab.json",
    ]) {
      assert(!isTokenizerFile(name), name);
    }
  });
});
