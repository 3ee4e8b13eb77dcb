import assert from "node:assert/strict";
import { test } from "node:test";
import { messageLine, terminalText } from "../../src/util/terminal-text.ts";

test("escape sequences, controls and turned directions are seen and do nothing", () => {
  assert.equal(terminalText("\u001b[2J\u009b31m"), "\\u001b[2J\\u009b31m");
  assert.equal(terminalText("a\rb\bc\u0007"), "a\\u000db\\u0008c\\u0007");
  assert.equal(terminalText("\u202Egpj.exe\u2066"), "\\u202egpj.exe\\u2066");
});

test("ordinary text of any language stays as it is", () => {
  const text = "Ä 漢字 عربى 😀 \t tab\nline";
  assert.equal(terminalText(text), text);
});

test("a JSON text keeps its value", () => {
  const value = { name: "a\u001b[2J\u009b\u202e\u2028b" };
  const shown = terminalText(JSON.stringify(value));
  assert.deepEqual(JSON.parse(shown), value);
  assert.doesNotMatch(shown, /\p{Cc}|[\u202e\u2028]/u);
});

test("a message is one line of bounded length, its beginning and end kept", () => {
  const line = messageLine(`tensor ${"x".repeat(26_000)}\n  is damaged`);
  assert.ok(line.length < 2_100);
  assert.match(line, /^tensor x.* … \d+ characters … x.* is damaged$/u);
});
