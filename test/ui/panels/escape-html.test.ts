import assert from "node:assert/strict";
import { test } from "node:test";
import { convert } from "html-to-text";
import { escapeHtml } from "../../../src/ui/panels/escape-html.ts";
import { Dice } from "../../support/fuzz/dice.ts";

const OPTIONS = { wordwrap: false, preserveNewlines: true } as const;
/** As a reader of HTML shows it. */
const shown = (html: string): string => convert(`<p>${html}</p>`, OPTIONS);

test("no text can open an element, or end an attribute", () => {
  assert.equal(escapeHtml(`<b a="1">&amp;</b>`), "&lt;b a=&quot;1&quot;&gt;&amp;amp;&lt;/b&gt;");
  assert.equal(escapeHtml("plain, ünïcode and 'quotes'"), "plain, ünïcode and 'quotes'");
});

test("a reader of the page sees the text as it was, entities and markup in it too", () => {
  const pieces = [
    "<",
    ">",
    "&",
    '"',
    "&lt;",
    "&amp;",
    "</p>",
    "<script>",
    "a",
    "é",
    "'",
    "-->",
    "#38;",
  ];
  for (let seed = 0; seed < 300; seed++) {
    const dice = new Dice(seed);
    const text = Array.from({ length: 1 + dice.int(8) }, () => dice.pick(pieces)).join("");
    const html = escapeHtml(text);
    assert.equal(shown(html), text, `seed ${seed}`);
    assert.doesNotMatch(html, /[<>"]/u, `seed ${seed}`);
  }
});
