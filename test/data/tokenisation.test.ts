/** Ids and loss masks against transformers' (goldens by make_tokenisation.py). */
import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { encodeTexts } from "../../src/data/encode-texts.ts";
import { readJsonLines } from "../../src/data/rows/json-lines.ts";
import { StreamDecoder } from "../../src/data/stream-decoder.ts";
import { renderRows } from "../../src/data/templates/row-text.ts";
import { loadTokenizer } from "../../src/data/tokenizer.ts";

const golden = (name: string): string =>
  fileURLToPath(new URL(`../golden/data/${name}`, import.meta.url));

const expected = JSON.parse(await readFile(golden("expected.json"), "utf8")) as Record<
  string,
  [number[], string][]
>;

for (const [name, results] of Object.entries(expected)) {
  test(`${name}: ids and mask of 200 rows are transformers'`, async () => {
    const dir = await mkdtemp(path.join(tmpdir(), "retune-"));
    await cp(golden("tokenizer"), dir, { recursive: true });
    await cp(golden(`${name}.jinja`), path.join(dir, "chat_template.jinja"));
    const tokenizer = await loadTokenizer(dir);
    await rm(dir, { recursive: true });
    let rows = 0;
    for await (const row of readJsonLines(golden("rows.jsonl"))) {
      const [ids, mask] = results[row.line - 1]!;
      const { chatTemplate } = tokenizer;
      const [text] = await renderRows([row], { file: "rows.jsonl", format: "auto", chatTemplate });
      assert.ok(text && !(text instanceof Error));
      const [encoded] = await encodeTexts([text], tokenizer);
      assert.deepEqual(encoded?.ids, ids, `line ${row.line}`);
      assert.equal(encoded?.counted.join(""), mask, `line ${row.line}`);
      rows++;
    }
    assert.equal(rows, 200);
  });
}

test("decoding token by token shows whole characters and loses none", async () => {
  const tokenizer = await loadTokenizer(golden("tokenizer"));
  const text = "Grüße 日本 👩‍👩‍👧‍👦 مرحبا";
  const decoder = new StreamDecoder(tokenizer);
  const parts = (await tokenizer.encode(text)).map((id) => decoder.push(id));
  assert.ok(parts.every((part) => !part.includes("\uFFFD")));
  assert.equal(parts.join("") + decoder.end(), text);
});
