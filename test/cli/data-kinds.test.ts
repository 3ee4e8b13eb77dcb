/** The same rows from every kind of data file, with the command alone. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { readMetrics, retune, tinyWorkspace, writeRecipe } from "../support/retune.ts";

const ROWS = [
  ["Say one", "One, it is."],
  ["Say two, please", 'Two, "it" is.'],
  ["Say three", "Three\nit is."],
  ["Say 😀", "😀 é"],
];

test("a run sees the same rows in JSON Lines, gzip, an array, CSV and TSV", async (t) => {
  const dir = tinyWorkspace(t);
  const rows = ROWS.map(([prompt, completion]) => ({ prompt, completion }));
  const lines = rows.map((row) => JSON.stringify(row)).join("\n");
  const separated = (delimiter: string): string =>
    [["prompt", "completion"], ...ROWS]
      .map((cells) => cells.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(delimiter))
      .join("\r\n");
  const files: Record<string, string | Buffer> = {
    "rows.jsonl": lines,
    "rows.jsonl.gz": gzipSync(lines),
    "rows.json": JSON.stringify(rows, null, 2),
    "rows.csv": separated(","),
    "rows.tsv": separated("\t"),
  };
  const losses: Record<string, unknown> = {};
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(path.join(dir, name), content);
    const data = { train: name, maxLength: 64 };
    const recipe = writeRecipe(dir, { data, epochs: 2, batchSize: 2, evalEvery: 0 });
    const run = path.join(dir, `run-${name}`);
    const { code, stderr } = await retune("train", recipe, "--run-dir", run);
    assert.equal(code, 0, stderr);
    losses[name] = readMetrics(run).flatMap(({ loss }) => loss ?? []);
    const shown = await retune("inspect", path.join(dir, name));
    assert.match(shown.stdout, /4 rows \(4 prompt-completion\)/);
  }
  for (const each of Object.values(losses)) assert.deepEqual(each, losses["rows.jsonl"]);
});

test("a row that can't be used is named by its line in a CSV", async (t) => {
  const dir = tinyWorkspace(t);
  writeFileSync(path.join(dir, "rows.csv"), 'question,answer\n"a\nb",c\n');
  const recipe = writeRecipe(dir, { data: { train: "rows.csv", maxLength: 64 } });
  const { code, stderr } = await retune("train", recipe);
  assert.equal(code, 2);
  assert.match(stderr, /rows\.csv:2: no format fits the keys question, answer/);
});
