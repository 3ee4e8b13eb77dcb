import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, suite, test } from "node:test";
import fc from "fast-check";
import { parseJson, readJson, readJsonIfThere, readJsonObject } from "../../src/util/json.ts";
import { parseJsonc } from "../../src/util/jsonc.ts";
import { parseSlowly } from "../../src/util/json-parser.ts";
import { refuses } from "../support/refuses.ts";

const dir = mkdtempSync(path.join(tmpdir(), "retune-json-"));
after(() => rmSync(dir, { recursive: true }));

function fileOf(content: string | Uint8Array): string {
  const file = path.join(dir, "config.json");
  writeFileSync(file, content);
  return file;
}

suite("a JSON file is read", () => {
  test("with a byte order mark", async () => {
    assert.deepEqual(await readJson(fileOf('\uFEFF{"a": 1}')), { a: 1 });
  });

  test("with NaN and Infinity, as Python writes them", async () => {
    const read = await readJson(fileOf('{"a": NaN, "b": [Infinity, -Infinity], "c": 1e400}'));
    assert.deepEqual(read, { a: NaN, b: [Infinity, -Infinity], c: Infinity });
  });

  test("with two keys alike: the last counts, as in Python", async () => {
    assert.deepEqual(await readJson(fileOf('{"a": 1, "b": NaN, "a": 2}')), { a: 2, b: NaN });
  });

  test("with a key __proto__, which is a key like others", async () => {
    const read = await readJsonObject(fileOf('{"__proto__": {"a": NaN}, "a": 1}'));
    assert.deepEqual(Object.keys(read), ["__proto__", "a"]);
    assert.equal(Object.getPrototypeOf(read), Object.prototype);
  });

  test("as nothing where it is not there", async () => {
    assert.equal(await readJsonIfThere(path.join(dir, "none.json")), undefined);
    await refuses(readJson(path.join(dir, "none.json")), /retune-json-\w+ has no none\.json$/);
  });
});

suite("a broken JSON file is refused by its place", () => {
  const cases: [string, string | Uint8Array, RegExp][] = [
    ["empty", "", /config\.json:1:1: not valid JSON: expected a value, found the end$/],
    ["cut", '{\n "a": [1,\n', /json:3:1: not valid JSON: expected a value, found the end$/],
    ["without a colon", '{\n "a" 1}', /json:2:6: .*expected ":", found "1"$/],
    ["without a comma", '{"a": 1 "b": 2}', /json:1:9: .*expected "," or "}", found "\\""$/],
    ["with a comma too many", '{"a": 1,}', /json:1:9: .*expected a key in quotes, found "}"$/],
    ["with single quotes", "{'a': 1}", /json:1:2: .*expected a key in quotes, found "'"$/],
    ["with Python's True", '{"a": True}', /json:1:7: .*expected a value, found "T"$/],
    ["with a comment", "{ // a\n}", /json:1:3: .*expected a key in quotes, found "\/"$/],
    ["with text behind", '{"a": NaN} x', /json:1:12: .*expected the end, found "x"$/],
    ["with a line break in a text", '{"a": "b\nc"}', /json:1:7: .*a text with a line break/],
    ["with a text that does not end", '{"a": "b', /json:1:7: .*a text that does not end$/],
    ["with a leading zero", '{"a": 01}', /json:1:8: .*expected "," or "}", found "1"$/],
    ["that is no object", "[1, 2]", /config\.json holds \[1,2\], expected an object$/],
    ["nested 6,000 deep", "[".repeat(6000) + "]".repeat(6000), /json:1:129: .*deeper than 128/],
    ["nested 1,000,000 deep", '{"a":'.repeat(1e6), /json:1:641: .*deeper than 128/],
    [
      "in Latin-1",
      Buffer.from('{\n"n": "caf\xe9"}', "latin1"),
      /json:2: byte 10 of the line, 0xE9, is not UTF-8/,
    ],
    [
      "in UTF-16",
      Buffer.from('\uFEFF{"a": 1}', "utf16le"),
      /config\.json is UTF-16 text; save it as UTF-8$/,
    ],
  ];
  for (const [statement, content, message] of cases) {
    test(statement, () => refuses(readJsonObject(fileOf(content)), message));
  }

  test("a folder", () => refuses(readJson(dir), /cannot be read: it is not a file/));

  const skip = process.platform === "win32" && "there is no /dev/zero there";
  test("a device, without reading it to its end", { skip }, () =>
    refuses(readJson("/dev/zero"), /zero cannot be read: it is not a file/),
  );
});

test("the slow parser reads what JSON.parse reads, and refuses what it refuses", () => {
  const slow = (text: string) => parseSlowly(text, { name: "x", maxDepth: 128, firstLine: 1 });
  fc.assert(
    fc.property(
      fc.jsonValue({ maxDepth: 6 }),
      fc.constantFrom(undefined, 1, "\t"),
      (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        assert.deepEqual(slow(text), JSON.parse(text));
      },
    ),
    { numRuns: 300 },
  );
  const parses = (text: string, parse: (text: string) => unknown): boolean => {
    try {
      parse(text);
      return true;
    } catch {
      return false;
    }
  };
  const pieces = [
    '"',
    "\\",
    "u00e9",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "1",
    "-",
    ".",
    "e5",
    "0",
    "true",
    "null",
    " ",
    "\n",
    '"a"',
    "\u2028",
  ];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 8 }), (list) => {
      const text = list.join("");
      assert.equal(
        parses(text, slow),
        parses(text, (one) => JSON.parse(one) as unknown),
        text,
      );
    }),
    { numRuns: 3000 },
  );
});

test("a text is as deep as its brackets outside texts", () => {
  const value = { a: "[".repeat(500), b: '"{'.repeat(100), c: "\\" };
  assert.deepEqual(parseJson(JSON.stringify(value), "x"), value);
  assert.doesNotThrow(() => parseJson("[".repeat(128) + "]".repeat(128), "x"));
  assert.throws(() => parseJson("[".repeat(129) + "]".repeat(129), "x"), /deeper than 128/);
});

test("numbers come as their text where that is asked for", () => {
  const text = '{"a": [9007199254740993, 5.0, 1e20, -0, NaN]}';
  const numbers: string[] = [];
  parseJson(text, "x", { number: (one) => numbers.push(one) });
  assert.deepEqual(numbers, ["9007199254740993", "5.0", "1e20", "-0", "NaN"]);
});

test("a recipe nested 6,000 deep is refused by line", () => {
  const deep = `{\n// {\n"a": ${"[".repeat(6000)}${"]".repeat(6000)}}`;
  assert.throws(
    () => parseJsonc(deep, "r.json"),
    /^InputError: r\.json:3: not valid JSON: nested deeper than 128/,
  );
  assert.doesNotThrow(() =>
    parseJsonc(`{ // ${"[".repeat(500)}\n "a": "${"{".repeat(500)}", }`, "r.json"),
  );
});
