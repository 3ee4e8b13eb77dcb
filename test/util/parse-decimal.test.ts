import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseDecimal } from "../../src/util/parse-decimal.ts";

test("numbers as people write them, with space around", () => {
  for (const [text, value] of [
    ["0.5", 0.5],
    [" -2. ", -2],
    ["+.25", 0.25],
    ["1e-4", 1e-4],
    ["007", 7],
  ] as const) {
    assert.equal(parseDecimal(text), value, text);
  }
});

test("what only JavaScript takes for a number is none", () => {
  const odd = [
    "",
    " ",
    "0x10",
    "0b1",
    "0o7",
    "Infinity",
    "-Infinity",
    "1e999",
    "NaN",
    "1_0",
    ".",
    "e5",
  ];
  for (const text of odd) assert.equal(parseDecimal(text), undefined, text);
});

test("every number that was printed is read as itself", () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      assert.equal(parseDecimal(String(value)), Object.is(value, -0) ? 0 : value);
    }),
  );
});
