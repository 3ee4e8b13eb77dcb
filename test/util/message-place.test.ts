import assert from "node:assert/strict";
import { test } from "node:test";
import { placeIn } from "../../src/util/message-place.ts";

const PLACES: Record<string, ReturnType<typeof placeIn>> = {
  "/home/me/data/train.jsonl:3: expected a JSON object, found a list": {
    file: "/home/me/data/train.jsonl",
    line: 3,
  },
  "/home/me/train.jsonl:12:40: not valid JSON: a comma is missing": {
    file: "/home/me/train.jsonl",
    line: 12,
    column: 40,
  },
  'C:\\my data\\train.jsonl:7: "text" is missing': { file: "C:\\my data\\train.jsonl", line: 7 },
  "/my data (2)/a b.csv:2: a quote is open": { file: "/my data (2)/a b.csv", line: 2 },
  "data/2026-01-02T03:04:05.jsonl:9:1: not valid JSON": {
    file: "data/2026-01-02T03:04:05.jsonl",
    line: 9,
    column: 1,
  },
  "train.jsonl:1: the row has 40 tokens, data.maxLength is 8": { file: "train.jsonl", line: 1 },
  "merging: /a b/merge.yaml:4: not valid YAML": { file: "/a b/merge.yaml", line: 4 },
  'merging: D:\\x\\merge.yaml:4: "a:1: b" is not valid': { file: "D:\\x\\merge.yaml", line: 4 },
  "/home/me/tiny.retune.json:5": { file: "/home/me/tiny.retune.json", line: 5 },
};

for (const [message, place] of Object.entries(PLACES)) {
  test(`finds the place in: ${message}`, () => assert.deepEqual(placeIn(message), place));
}

for (const message of [
  "/home/me/data/train.jsonl has no usable rows",
  "stopped early: the evaluation loss no longer improved",
  "ratio 3:2: not a file",
  "/home/me/data.jsonl:0: lines count from 1",
  "the loss is NaN at step 10:20",
  "",
]) {
  test(`finds none in: ${message || "(nothing)"}`, () => assert.equal(placeIn(message), undefined));
}
