/**
 * Ids, masks and decoding of a dozen kinds of tokenizers against the tokenizers library's own offsets
 * (goldens by make_offsets.py).
 */
import assert from "node:assert/strict";
import { copyFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { StreamDecoder } from "../../src/data/stream-decoder.ts";
import { type Tokenizer, loadTokenizer } from "../../src/data/tokenizer.ts";

const golden = (name: string): string =>
  fileURLToPath(new URL(`../golden/data/offsets/${name}.json`, import.meta.url));

interface Cases {
  texts: [string, [number, number][]][];
  expected: Record<string, [number[], string, string][]>;
}
const { texts, expected } = JSON.parse(await readFile(golden("cases"), "utf8")) as Cases;

async function tokenizerOf(kind: string): Promise<Tokenizer> {
  const dir = await mkdtemp(path.join(tmpdir(), "retune-offsets-"));
  try {
    await copyFile(golden(kind), path.join(dir, "tokenizer.json"));
    return await loadTokenizer(dir);
  } finally {
    await rm(dir, { recursive: true });
  }
}

test("a dozen kinds of tokenizers are compared", () => {
  assert.equal(Object.keys(expected).length, 12);
  assert.ok(texts.length >= 40);
});

for (const [kind, rows] of Object.entries(expected)) {
  test(`${kind}: ids and masks of odd texts are the library's`, async () => {
    const tokenizer = await tokenizerOf(kind);
    for (const [index, [text, spans]] of texts.entries()) {
      const [ids, mask] = rows[index]!;
      const [tokens] = await tokenizer.encodeBatch([text], { addSpecialTokens: index % 2 === 1 });
      assert.deepEqual(tokens?.ids, ids, JSON.stringify(text));
      assert.equal(tokens?.flags(spans).join(""), mask, JSON.stringify(text));
    }
  });

  test(`${kind}: decoding is the library's, at once and token by token`, async () => {
    const tokenizer = await tokenizerOf(kind);
    for (const [ids, , text] of rows) {
      assert.equal(tokenizer.decode(ids), text);
      const decoder = new StreamDecoder(tokenizer);
      const parts = ids.map((id) => decoder.push(id));
      assert.equal(parts.join("") + decoder.end(), text);
    }
  });
}
