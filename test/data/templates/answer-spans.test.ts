/** Where answers are, by the texts that a template renders; against transformers and TRL: chat-template.test.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { answerSpans } from "../../../src/data/templates/answer-spans.ts";

const ANSWERS = { begin: 0, trained: [1], untrained: [] };
const MESSAGES = [
  { role: "user", content: "?" },
  { role: "assistant", content: "\u0085 b\u001C" },
];

function spans(text: string, asked: string, end: string | null = null) {
  const rendered = { text, marked: null, prompt: null, turns: [{ end, asked }] };
  return answerSpans(rendered, ANSWERS, MESSAGES);
}

test("a common prefix ends between characters, not within one", () => {
  // 😀 and 😁 share their first unit.
  assert.deepEqual(spans("?😀b", "?😁"), { spans: [[1, 4]], unplaced: 0 });
  assert.deepEqual(spans("?😀b", "?😀"), { spans: [[3, 4]], unplaced: 0 });
});

test("an answer's own words are what Python would strip it to", () => {
  assert.deepEqual(spans("?b!c", "?<think>", "?b!d"), { spans: [[1, 3]], unplaced: 0 });
  assert.deepEqual(spans("?x!c", "?<think>", "?x!d"), { spans: [], unplaced: 1 });
});

test("marks of a completion's prompt are not trained, nor are answers that weigh nothing", () => {
  const rendered = {
    text: "ab|cd|ef",
    marked: [
      [0, 2],
      [3, 8],
    ] as const,
    prompt: "ab|c!",
    turns: [{ end: "ab|cd|", asked: "ab|c" }],
  };
  const answers = { begin: 1, trained: [2], untrained: [1] };
  const found = answerSpans(rendered, answers, [...MESSAGES, MESSAGES[1]!]);
  assert.deepEqual(found, { spans: [[6, 8]], unplaced: 0 });
});
