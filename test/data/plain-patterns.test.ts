import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { suite, test } from "node:test";
import fc from "fast-check";
import { isPlainPattern, patternsOf } from "../../src/data/plain-patterns.ts";

const kinds = path.join(import.meta.dirname, "../golden/data/offsets");

suite("the patterns of a tokenizer.json", () => {
  test("are all below a part, however deep, and no plain strings", () => {
    const part = {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: "a+" } },
        { type: "Split", pattern: { String: "b+" } },
        { type: "Sequence", pretokenizers: [{ pattern: { Regex: "c" } }, null, 3] },
      ],
    };
    assert.deepEqual(patternsOf(part).toSorted(), ["a+", "c"]);
    assert.deepEqual(patternsOf([part, null, undefined]).toSorted(), ["a+", "c"]);
    for (const none of [undefined, null, "a+", 3, [], { Regex: 5 }]) {
      assert.deepEqual(patternsOf(none), []);
    }
  });

  test("are found a hundred thousand deep", () => {
    let part: unknown = { Regex: "deep" };
    for (let i = 0; i < 100_000; i++) part = [part];
    assert.deepEqual(patternsOf(part), ["deep"]);
  });
});

suite("a pattern matched in time that is linear from each place on", () => {
  const PLAIN = [
    "",
    "a",
    "a*b",
    "a+",
    "(a|b)?c",
    "[^a]+b",
    "(?:ab)?c*",
    "a*b*",
    "a{2,}b",
    "a{3}b{1,2}",
    "a+?b",
    "a++b",
    String.raw`\(\[\{a*`,
    "[]a]+",
    "[^]a]+",
    "[a-z&&[^b]]+",
    "(?<name>a)b*",
    "(?i)a*",
    "(?=a)b",
    "(?<!a)b",
  ];
  for (const pattern of PLAIN) {
    test(`${JSON.stringify(pattern)} is plain`, () => assert(isPlainPattern(pattern)));
  }

  const ODD = [
    "(a*)*",
    "(a+)?",
    "(?:a+b)+",
    "(?=a*b)c*d*e",
    "a*b*c",
    "a*b*c*",
    "(ab){2,}",
    "(ab){2}",
    "a**b",
    "a+*",
    String.raw`(a)\k<1>`,
    "(?#a)",
    "a?".repeat(9),
    `${"(".repeat(17)}a${")".repeat(17)}`,
    "a)",
    "(a",
    "[a",
    "[[a]",
  ];
  for (const pattern of ODD) {
    test(`${JSON.stringify(pattern)} is not`, () => assert(!isPlainPattern(pattern)));
  }

  test("has no more than 256 ways: eight choices of two, not nine", () => {
    assert(isPlainPattern("a?".repeat(8)));
    assert(isPlainPattern("(?:a|b)".repeat(8)));
    assert(!isPlainPattern("(?:a|b)".repeat(9)));
    assert(isPlainPattern("a{0,255}"));
    assert(!isPlainPattern("a{0,256}"));
  });

  test("is made of what is not repeated, with loops at its end; repeated as a whole it is none", () => {
    const part = fc.constantFrom("a", "b", ".", "[ab]", "(?:a|b)", "a?", "(?:ab)?");
    const end = fc.constantFrom("", "a*", "[ab]+", ".*", "a*b*");
    fc.assert(
      fc.property(fc.array(part, { maxLength: 4 }), end, (parts, last) => {
        const pattern = parts.join("") + last;
        assert(isPlainPattern(pattern), pattern);
        assert(!isPlainPattern(`(?:${pattern}a*)+c`), pattern);
      }),
      { seed: 17, numRuns: 200 },
    );
  });

  test("never throws, whatever the text", () => {
    const characters = fc.constantFrom(...Array.from(String.raw`ab.*+?{}[]()|^$\:<>=!1,-`));
    fc.assert(
      fc.property(fc.array(characters, { maxLength: 24 }), (all) => {
        assert.equal(typeof isPlainPattern(all.join("")), "boolean");
      }),
      { seed: 19, numRuns: 2000 },
    );
  });

  test("are those of a dozen kinds of tokenizers", () => {
    const files = readdirSync(kinds).filter(
      (name) => name !== "cases.json" && name.endsWith(".json"),
    );
    const patterns = files.flatMap((name) =>
      patternsOf(JSON.parse(readFileSync(path.join(kinds, name), "utf8"))),
    );
    assert(files.length >= 12);
    assert(patterns.length >= 3);
    for (const pattern of patterns) assert(isPlainPattern(pattern), pattern);
  });
});
