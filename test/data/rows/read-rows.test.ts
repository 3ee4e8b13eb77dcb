import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { readRows } from "../../../src/data/rows/read-rows.ts";
import type { DataRow } from "../../../src/data/rows/row.ts";

const GOLDEN = path.join(import.meta.dirname, "../../golden/rows");
const folder = mkdtempSync(path.join(tmpdir(), "retune-rows-"));
after(() => rmSync(folder, { recursive: true }));

async function all(file: string): Promise<DataRow[]> {
  const rows: DataRow[] = [];
  for await (const row of readRows(file)) rows.push(row);
  return rows;
}

function write(name: string, content: string | Buffer): string {
  const file = path.join(folder, name);
  writeFileSync(file, content);
  return file;
}

const golden = (name: string): unknown =>
  JSON.parse(readFileSync(path.join(GOLDEN, name), "utf8")) as unknown;

for (const name of ["rows.csv", "rows.tsv", "rows.json", "rows.jsonl.gz"]) {
  test(`${name} holds what Python wrote into it`, async () => {
    const rows = await all(path.join(GOLDEN, name));
    assert.deepEqual(
      rows.map(({ value }) => value),
      golden("rows.json"),
    );
    assert.deepEqual(
      rows.map(({ json }) => JSON.parse(json) as unknown),
      golden("rows.json"),
    );
  });
}

for (const kind of ["none", "snappy", "gzip", "zstd", "brotli", "lz4", "v1", "v2"]) {
  test(`chats-${kind}.parquet holds what pyarrow wrote into it, 64-bit integers digit by digit`, async () => {
    const rows = await all(path.join(GOLDEN, `chats-${kind}.parquet`));
    assert.deepEqual(
      rows.map(({ value }) => value),
      golden("chats.json"),
    );
    assert.match(rows[0]?.json ?? "", /"id":9007199254740993,/);
    assert.deepEqual(
      rows.map(({ json }) => JSON.parse(json) as unknown),
      golden("chats.json"),
    );
    assert.deepEqual(
      rows.map(({ line }) => line),
      [1, 2],
    );
  });
}

test("only a newline ends a line of JSON Lines", async () => {
  const file = write("a.jsonl", '\uFEFF{"text":"a\u2028b\u2029c\u0085d"}\r\n\n  {"text":"e"}');
  const rows = await all(file);
  assert.deepEqual(
    rows.map(({ line, value }) => [line, value["text"]]),
    [
      [1, "a\u2028b\u2029c\u0085d"],
      [3, "e"],
    ],
  );
});

test("lines longer than a block, and characters cut by its edge, come whole", async () => {
  const texts = ["é".repeat(1_200_000), "😀".repeat(700_001), "short"];
  const lines = texts.map((text) => JSON.stringify({ text })).join("\n");
  for (const file of [write("long.jsonl", lines), write("long.jsonl.gz", gzipSync(lines))]) {
    const rows = await all(file);
    assert.deepEqual(
      rows.map(({ line, value }) => [line, value["text"] === texts[line - 1]]),
      [1, 2, 3].map((line) => [line, true]),
    );
  }
});

test("numbers keep their own digits in a row's JSON", async () => {
  const json = '{"n":9007199254740993,"x":5.0,"y":1e20}';
  assert.equal((await all(write("n.jsonl", `${json}\n`)))[0]?.json, json);
  assert.equal((await all(write("n.json", `[\n ${json} ,\n${json}\n]\n`)))[1]?.json, json);
});

test("rows of an array know the line where they begin", async () => {
  const file = write("a.json", '[\n{"text": "a,]}\\""},\n\n {"text":\n"b"}, {"text": "c"}]');
  assert.deepEqual(
    (await all(file)).map(({ line, value }) => [line, value["text"]]),
    [
      [2, 'a,]}"'],
      [4, "b"],
      [5, "c"],
    ],
  );
  assert.deepEqual(await all(write("empty.json", " [ ] ")), []);
  const lines = await all(write("lines.json", '{"text":"a"}\n{"text":"b"}\n'));
  assert.equal(lines.length, 2);
});

const BAD: Record<string, { name: string; content: string | Buffer; says: RegExp }> = {
  "a latin-1 byte": {
    name: "latin.jsonl",
    content: Buffer.from('{"text":"ok"}\n{"text":"caf\xE9"}\n', "latin1"),
    says: /latin\.jsonl:2: byte 13 of the line, 0xE9, is not UTF-8/,
  },
  "UTF-16": {
    name: "wide.csv",
    content: Buffer.from("\uFEFFtext\nrow\n", "utf16le"),
    says: /wide\.csv is UTF-16 text/,
  },
  "a line that is no JSON": {
    name: "bad.jsonl",
    content: '{"text":"a"}\n{"text": }\n',
    says: /bad\.jsonl:2:10: not valid JSON/,
  },
  "an array a line": {
    name: "list.jsonl",
    content: "[1]\n",
    says: /name it \.json|found an array/,
  },
  "an array that does not end": {
    name: "open.json",
    content: '[{"text":"a"},\n{"text":"b"}',
    says: /open\.json:2:\d+: not valid JSON/,
  },
  "an array with a comma too many": {
    name: "comma.json",
    content: '[{"text":"a"},]',
    says: /comma\.json:1:\d+: not valid JSON/,
  },
  "something behind an array": {
    name: "behind.json",
    content: '[{"text":"a"}] x',
    says: /behind\.json:1:\d+: not valid JSON/,
  },
  "a number for rows": { name: "number.json", content: "3", says: /number\.json holds no rows/ },
  "an element that is no object": {
    name: "text.json",
    content: '["a"]',
    says: /text\.json:1: expected a JSON object, found a string/,
  },
  "a row with a cell too many": {
    name: "wide-row.csv",
    content: "text,label\na,b\nc,d,e\n",
    says: /wide-row\.csv:3: .*column/i,
  },
  "a quote that does not end": {
    name: "quote.csv",
    content: 'text,label\na,b\n"c,d\n',
    says: /quote\.csv:3: .*quote/i,
  },
  "two columns of one name": {
    name: "twice.csv",
    content: "a,a\n1,2\n",
    says: /twice\.csv:1: two columns/,
  },
  "no Parquet": { name: "no.parquet", content: "PAR1", says: /no\.parquet is no Parquet file/ },
  "no gzip": { name: "no.jsonl.gz", content: "{}", says: /no\.jsonl\.gz can't be unzipped/ },
  "an ending that no reader has": {
    name: "a.xlsx",
    content: "PK",
    says: /a\.xlsx: no kind of data .*\.parquet/,
  },
};
for (const [what, { name, content, says }] of Object.entries(BAD)) {
  test(`${what} is named with its place`, async () => {
    await assert.rejects(all(write(name, content)), says);
  });
}

test("a file that is cut anywhere in Parquet is refused in one line", async () => {
  const whole = readFileSync(path.join(GOLDEN, "chats-snappy.parquet"));
  for (let length = 0; length < whole.length; length += 61) {
    await assert.rejects(all(write("cut.parquet", whole.subarray(0, length))), /cut\.parquet/);
  }
});

test("what is missing, or a folder, is named", async () => {
  for (const name of ["gone.jsonl", "gone.csv", "gone.json", "gone.parquet", "gone.jsonl.gz"]) {
    await assert.rejects(all(path.join(folder, name)), /gone\.\S+ does not exist/);
  }
});

test("a Parquet file whose columns and schema disagree is refused, and no error of hyparquet's is left unheard", async (t) => {
  const unheard: unknown[] = [];
  const listen = (reason: unknown): void => void unheard.push(reason);
  process.on("unhandledRejection", listen);
  t.after(() => process.off("unhandledRejection", listen));
  const bytes = readFileSync(path.join(GOLDEN, "chats-none.parquet"));
  const metadata = bytes.length - 8 - bytes.readUInt32LE(bytes.length - 8);
  for (const name of ["score", "content"]) {
    const changed = Buffer.from(bytes).fill(0xff, 4, metadata);
    // The first mention is the schema's, the second the column's own in its row group.
    changed.write("x", changed.indexOf(name, changed.indexOf(name, metadata) + 1));
    const file = write(`disagrees-${name}.parquet`, changed);
    await assert.rejects(
      all(file),
      /^InputError: .*disagrees-\w+\.parquet is broken: row group 1 has, but not its schema, the column \[/u,
    );
  }
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(unheard, []);
});
