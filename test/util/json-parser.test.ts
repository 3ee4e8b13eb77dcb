/** The slow parser against JSON.parse, which is ECMA-404's, on texts that are whole, broken by one character, and real. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { endOfString, parseSlowly } from "../../src/util/json-parser.ts";
import { InputError } from "../../src/util/errors.ts";

const ROOT = path.join(import.meta.dirname, "../..");
const OPTIONS = { name: "a.json", maxDepth: 128, firstLine: 1 };
const parse = (text: string, options: object = {}) => parseSlowly(text, { ...OPTIONS, ...options });

function standard(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return undefined;
  }
}

function ours(text: string): { value: unknown } | undefined {
  try {
    return { value: parse(text) };
  } catch (error) {
    assert.ok(error instanceof InputError, String(error));
    assert.match(error.message, /^a\.json:\d+:\d+: not valid JSON: [^\n]+$/);
    return undefined;
  }
}

test("it reads the JSON of real packages as JSON.parse does", () => {
  const files = ["zod", "typescript", "oxlint", "fast-check", "yaml", "uplot"].map((name) =>
    path.join("node_modules", name, "package.json"),
  );
  for (const file of [...files, "package-lock.json", "test/golden/models/rope.json"]) {
    const text = readFileSync(path.join(ROOT, file), "utf8");
    assert.deepEqual(parse(text), JSON.parse(text), file);
  }
});

test("whatever value is written is read back, however it is indented", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom("", " ", "\t", "\r\n  "), (value, indent) => {
      const text = JSON.stringify(value, undefined, indent);
      assert.deepEqual(parse(text), JSON.parse(text));
    }),
    { seed: 20, numRuns: 300 },
  );
});

test("a text broken at one character is refused exactly when JSON.parse refuses it", () => {
  const characters = "{}[]\",:\\ \n\t-+.eE0123tfnulr/x'\u00A0\u0001".split("");
  let refused = 0;
  let taken = 0;
  fc.assert(
    fc.property(
      fc.jsonValue(),
      fc.nat(),
      fc.constantFrom(...characters, ""),
      fc.boolean(),
      (value, place, put, replaces) => {
        const text = JSON.stringify(value);
        const at = place % (text.length + 1);
        const broken = text.slice(0, at) + put + text.slice(at + (replaces ? 1 : 0));
        const expected = standard(broken);
        if (expected) taken++;
        else refused++;
        assert.deepEqual(ours(broken), expected, broken);
      },
    ),
    { seed: 21, numRuns: 2_000 },
  );
  assert.ok(refused > 300 && taken > 300, `${refused} refused, ${taken} taken`);
});

test("the cases on which parsers differ go as the grammar has them", () => {
  // Nicolas Seriot's JSONTestSuite: y_ must be taken, n_ must not.
  const taken = ["-0", "0e+1", "1E-2", "[ ]", '"\\u0061\\ud83d\\ude39"', '"\\/"', '"\u2028"', '""'];
  for (const text of taken) assert.deepEqual(ours(text), { value: JSON.parse(text) as unknown });
  assert.ok(Object.is(parse("-0"), -0));
  const refused = [
    ["", " ", "+1", ".5", "1.", "1e", "-", "--1", "0x1", "1_000", "012", "-012", "1eE2"],
    ["[,1]", "[1,]", "[1 2]", "[", "]", "{,}", '{"a"}', "{1:2}", "{a:1}", '{"a":1,}', "{]"],
    ["nul", "True", "trueX", "undefined", "inf", "+Infinity", "nan", "- 1", "-true"],
    ['"\\x41"', '"\\u00G0"', '"\\u12"', "'a'", '"\t"', '"a', "[1]x", "\u00A01", "\uFEFF1"],
  ].flat();
  for (const text of refused) assert.equal(ours(text), undefined, JSON.stringify(text));
});

test("NaN and the infinities are Python's numbers, wherever a value may stand", () => {
  assert.deepEqual(parse('{"a": [NaN, -Infinity], "b": Infinity}'), {
    a: [NaN, -Infinity],
    b: Infinity,
  });
});

test("every number goes through the caller's reader, as it is written", () => {
  const number = (text: string) => `<${text}>`;
  assert.deepEqual(parse("[1.0, -2e-3, 12345678901234567890, NaN, -Infinity, true]", { number }), [
    "<1.0>",
    "<-2e-3>",
    "<12345678901234567890>",
    "<NaN>",
    "<-Infinity>",
    true,
  ]);
});

test("the depth is counted along the path, not over the text", () => {
  const wide = `[${Array.from({ length: 50 }, () => "[{}]").join(",")}]`;
  assert.deepEqual(parse(wide, { maxDepth: 3 }), JSON.parse(wide));
  assert.throws(() => parse("[[{}]]", { maxDepth: 2 }), {
    message: "a.json:1:3: not valid JSON: nested deeper than 2 levels",
  });
  assert.equal(parse("1", { maxDepth: 0 }), 1);
});

test("line and column are those of the file in which the text begins further down", () => {
  assert.throws(() => parse('{\n "a": 1,\r\n "b" 2}', { firstLine: 40 }), {
    message: 'a.json:42:6: not valid JSON: expected ":", found "2"',
  });
  assert.throws(() => parse("[1, 𝄞]"), /a\.json:1:5: .*expected a value, found "𝄞"$/);
});

test("a text ends at the quote that an even number of backslashes precedes", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string(), (content, behind) => {
      const quoted = JSON.stringify(content);
      assert.equal(endOfString(`${quoted}${behind}`, 0), quoted.length - 1);
      assert.equal(endOfString(`[${quoted},"x"]`, 1), quoted.length);
    }),
    { seed: 22, numRuns: 300 },
  );
  assert.equal(endOfString('"\\\\\\"', 0), -1);
});
