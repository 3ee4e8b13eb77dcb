import assert from "node:assert/strict";
import { test } from "node:test";
import { plainLines, plainText } from "../../src/util/plain-text.ts";

/** VS Code's own, of src/vs/base/common/linkedText.ts and iconLabels.ts. */
const LINK = /\[([^\]]+)\]\(((?:https?:\/\/|command:|file:)[^)\s]+)(?: (["'])(.+?)(\3))?\)/gi;
const ICON = /(\\)?\$\(([A-Za-z0-9-]+(?:~[A-Za-z]+)?)\)/g;

const seen = (text: string): string => text.replaceAll("\u2060", "");

test("no link and no icon is left, and what is seen is the same", () => {
  for (const text of [
    "[Click](command:workbench.action.quit)",
    '[a](https://example.com "title") and [b](file:///etc)',
    "[[x]](command:a)](command:b)",
    "$(sync~spin) $$(alert)$(x)",
    "[$(alert)](command:a)",
    "[x]\u2060(command:a)",
    "[x]\u0000(command:a)",
    "[x]\u202e(command:a)",
  ]) {
    const plain = plainText(text);
    assert.doesNotMatch(plain, LINK);
    assert.doesNotMatch(plain, ICON);
    assert.doesNotMatch(plain, /[\p{Cc}\u202e]/u);
    if (!/[\p{Cc}\u2060\u202e]/u.test(text)) assert.equal(seen(plain), text);
  }
});

test("made plain twice is made plain once", () => {
  for (const text of ["[a](command:b)", "$(x)", "a".repeat(2000), "a\n b"]) {
    assert.equal(plainText(plainText(text)), plainText(text));
  }
});

test("lines and control characters become spaces, a dialog's lines stay", () => {
  assert.equal(plainText("a\r\nb\u001b[31m\tc"), "a b [31m c");
  assert.equal(plainLines("a\r\n[x](command:y)\nb"), "a\n[x]\u2060(command:y)\nb");
});

test("an endless text is cut, and ordinary paths and sentences stay as they are", () => {
  assert.equal(plainText("x".repeat(100_000)).length, 600);
  const sentence =
    "data/train.jsonl:3:12: not valid JSON: expected a value (see `docs`), found $5 [2]";
  assert.equal(plainText(sentence), sentence);
});
