import assert from "node:assert/strict";
import { test } from "node:test";
import { freeName } from "../../../src/ui/recipes/free-name.ts";

const named = (...files: readonly string[]): string[] => {
  const taken: { name: string }[] = [];
  for (const file of files) taken.push({ name: freeName(file, taken) });
  return taken.map(({ name }) => name);
};

test("data is called by its file's name without its endings", () => {
  assert.deepEqual(named("/d/mails.csv.gz", "/d/topics-eval.jsonl"), ["mails", "topics-eval"]);
});

test("of two files of one name the second has its folder's too, the third a number", () => {
  assert.deepEqual(named("/a/test.jsonl", "/b/test.jsonl", "/x/b/test.jsonl"), [
    "test",
    "b/test",
    "b/test-3",
  ]);
  assert.deepEqual(named("/a/test.jsonl", "/a/test.csv"), ["test", "a/test"]);
});

test("no two of many files share a name, which would be one column for both", () => {
  const files = [
    "/a/t.csv",
    "/a/t.tsv",
    "/b/t.csv",
    "/a/t.json",
    "/a/t.jsonl",
    "/b/t.tsv",
    "/c/a/t.csv",
  ];
  const names = named(...files);
  assert.equal(new Set(names).size, files.length, names.join(", "));
});
