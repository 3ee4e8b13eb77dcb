import assert from "node:assert/strict";
import { test } from "node:test";
import { factsMarkdown } from "../../../src/ui/views/facts.ts";
import { Dice } from "../../support/fuzz/dice.ts";

test("a title and a row for each fact that is known", () => {
  assert.equal(
    factsMarkdown("first", [
      ["State", "running"],
      ["Problem", ""],
      ["Loss", undefined],
      ["Step", "3/9"],
    ]),
    "**first**\n\n| | |\n|---|---|\n| State | running |\n| Step | 3/9 |",
  );
});

test("without a fact there is no table", () => {
  assert.equal(factsMarkdown("first", [["Problem", undefined]]), "**first**\n");
});

test("what a file says is no link, icon, element or cell of its own", () => {
  const [, , , , row] = factsMarkdown("x", [
    ["Problem", "[go](command:evil) $(bug) <b> a|b"],
  ]).split("\n");
  assert.equal(row, "| Problem | \\[go\\]\\(command\\:evil\\) \\$\\(bug\\) \\<b\\> a\\|b |");
  assert.equal(factsMarkdown("**`a`**", []).split("\n")[0], "**\\*\\*\\`a\\`\\*\\***");
});

test("lines of a value are one line, or the table would end there", () => {
  const text = factsMarkdown("a\n# b", [["Problem", "one\r\n  two\n\nthree"]]);
  assert.deepEqual(text.split("\n"), [
    "**a \\# b**",
    "",
    "| | |",
    "|---|---|",
    "| Problem | one two three |",
  ]);
});

/** CommonMark 2.4: a backslash before any ASCII punctuation stands for the character itself. */
const unescaped = (text: string): string => text.replaceAll(/\\([!-/:-@[-`{-~])/gu, "$1");

test("whatever a value is, a reader of Markdown finds it unchanged in one cell", () => {
  const pieces = [
    "|",
    "\\",
    "`",
    "*",
    "_",
    "<a>",
    "[x](y)",
    "$(x)",
    "&amp;",
    "http://a.b",
    "@me",
    "~",
    "é",
    "1.",
    " ",
  ];
  for (let seed = 0; seed < 300; seed++) {
    const dice = new Dice(seed);
    const value = Array.from({ length: 1 + dice.int(9) }, () => dice.pick(pieces)).join("");
    const row =
      factsMarkdown("t", [["Name", value]])
        .split("\n")
        .at(-1) ?? "";
    const cells = row.split(/(?<!\\)(?:\\\\)*\|/u);
    assert.equal(cells.length, 4, `seed ${seed}: ${row}`);
    assert.equal(unescaped(row.slice("| Name | ".length, -" |".length)), value, `seed ${seed}`);
  }
});
