import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { type Node, type ParseError, getNodeValue } from "jsonc-parser";
import fc from "fast-check";
import { jsoncTree, lineAt, parseJsonc } from "../../src/util/jsonc.ts";

/** jsonc-parser's objects have no prototype. */
const valueOf = (text: string): unknown =>
  JSON.parse(JSON.stringify(getNodeValue(parseJsonc(text, "r.json"))));

const SAMPLES = path.join(import.meta.dirname, "../../samples");

test("JSON is JSONC: every value reads as JSON.parse reads it", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value, undefined, 1);
      assert.deepEqual(valueOf(text), JSON.parse(text));
    }),
    { seed: 30, numRuns: 200 },
  );
});

test("comments and trailing commas are passed over", () => {
  const text = `// {{{
    { /* ] */ "a": [1, 2,], // }
      "b": "// no comment", "c": "/* nor this */", }`;
  assert.deepEqual(valueOf(text), { a: [1, 2], b: "// no comment", c: "/* nor this */" });
});

test("each node knows where its value stands in the text", () => {
  const files = readdirSync(SAMPLES).filter((name) => name.endsWith(".retune.json"));
  assert.ok(files.length >= 4);
  for (const file of files) {
    const text = readFileSync(path.join(SAMPLES, file), "utf8");
    let leaves = 0;
    const visit = (node: Node): void => {
      node.children?.forEach(visit);
      if (node.children) return;
      leaves++;
      const written = text.slice(node.offset, node.offset + node.length);
      assert.deepEqual(JSON.parse(written), getNodeValue(node), `${file}: ${written}`);
    };
    visit(parseJsonc(text, file));
    assert.ok(leaves > 4, file);
  }
});

test("what is wrong is told with the line on which it stands", () => {
  const cases: [string, RegExp][] = [
    ["", /^r\.json:1: not valid JSON: the file is empty$/],
    ["// only this\n", /^r\.json:1: not valid JSON: the file is empty$/],
    ['{\n "a": 1\n "b": 2}', /^r\.json:3: not valid JSON: CommaExpected$/],
    ['{\n\n "a" 1}', /^r\.json:3: not valid JSON: ColonExpected$/],
    ['{"a": [1,\n2', /^r\.json:2: not valid JSON: CloseBracketExpected$/],
    ['{"a": 1}\n\n/* x', /^r\.json:3: not valid JSON: UnexpectedEndOfComment$/],
    ['{"a": 1}\n{', /^r\.json:2: not valid JSON: EndOfFileExpected$/],
  ];
  for (const [text, message] of cases) {
    assert.throws(() => parseJsonc(text, "r.json"), { name: "InputError", message }, text);
  }
});

test("128 levels are read and 129 are refused at the bracket that opens the last", () => {
  const nested = (levels: number) => `\n${"[".repeat(levels)}${"]".repeat(levels)}`;
  assert.ok(parseJsonc(nested(128), "r.json"));
  const tooDeep = { message: "r.json:2: not valid JSON: nested deeper than 128 levels" };
  assert.throws(() => parseJsonc(nested(129), "r.json"), tooDeep);
  // Far beyond any stack, and never closed.
  assert.throws(() => parseJsonc(`\n${'{"a":['.repeat(200_000)}`, "r.json"), tooDeep);
  assert.equal(jsoncTree(nested(129)), undefined);
});

test("brackets in texts and comments are no levels, and closed ones are left", () => {
  const brackets = "[{".repeat(300);
  assert.deepEqual(valueOf(`{"a": "${brackets}" /* ${brackets} */} // ${brackets}`), {
    a: brackets,
  });
  const wide = `[${Array.from({ length: 500 }, () => "[{}]").join(",")}]`;
  assert.deepEqual(valueOf(wide), JSON.parse(wide));
});

test("a half-written text has a tree of what is there, and its errors", () => {
  const errors: ParseError[] = [];
  const tree = jsoncTree('{"base": "m", "data": {"train": ', errors);
  assert.ok(tree);
  const read = getNodeValue(tree) as { base: string };
  assert.equal(read.base, "m");
  assert.ok(errors.length > 0);
});

test("a line is counted by its line feeds, whatever stands before them", () => {
  const text = "a\r\nb\n\nc";
  const lines = Array.from(text, (_, offset) => lineAt(text, offset));
  assert.deepEqual(lines, [1, 1, 1, 2, 2, 3, 4]);
  assert.equal(lineAt(text, text.length), 4);
});
