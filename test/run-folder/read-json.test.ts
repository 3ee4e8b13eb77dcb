import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import * as z from "zod";
import { problemOf, readJson, readJsonAs, valueOf } from "../../src/run-folder/read-json.ts";
import { tempDir } from "../support/temp-dir.ts";

const schema = z.object({ step: z.int() });

test("what fits is a value, what is missing is neither value nor broken", async (t) => {
  const file = path.join(tempDir(t), "state.json");
  const missing = await readJson(file, schema);
  assert.equal(missing, undefined);
  assert.equal(problemOf("state.json", missing), "state.json is missing");
  writeFileSync(file, '{"step": 3}');
  const read = await readJson(file, schema);
  assert.deepEqual([valueOf(read), problemOf("state.json", read)], [{ step: 3 }, undefined]);
});

test("what can't be used is a problem of one line that names the file without its folder", async (t) => {
  const dir = tempDir(t);
  const file = path.join(dir, "state.json");
  for (const [text, problem] of [
    ['{"step": "x"}', /^state\.json: step: /],
    ['{"step": ', /^state\.json:1:\d+: /],
  ] as const) {
    writeFileSync(file, text);
    const read = await readJson(file, schema);
    const found = problemOf("state.json", read) ?? "";
    assert.match(found, problem);
    assert.ok(!found.includes(dir) && !found.includes("\n"), found);
    assert.equal(valueOf(read), undefined);
  }
  mkdirSync(path.join(dir, "folder.json"));
  const folder = await readJson(path.join(dir, "folder.json"), schema);
  assert.ok(problemOf("folder.json", folder) !== undefined);
});

test("what a parser of the caller's own throws becomes the problem", async (t) => {
  const file = path.join(tempDir(t), "a.json");
  writeFileSync(file, "1");
  const read = await readJsonAs(file, (json, name) => {
    throw new Error(`${name}: ${String(json)} is too little`);
  });
  assert.deepEqual(read, { problem: "a.json: 1 is too little" });
});
