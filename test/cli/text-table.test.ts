import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { textTable } from "../../src/cli/text-table.ts";

test("names stand to the left, numbers to the right, two spaces between", () => {
  const rows = [
    ["model", "loss", "rows"],
    ["a", "12.5", "3"],
    ["longer-name", "1", "10000"],
  ];
  assert.equal(
    textTable(rows),
    ["model        loss   rows", "a            12.5      3", "longer-name     1  10000"].join("\n"),
  );
});

test("every column begins or ends at one place, and no cell is cut", () => {
  const cell = fc.stringMatching(/^[a-z0-9.]{1,9}$/);
  const table = fc
    .integer({ min: 1, max: 5 })
    .chain((width) =>
      fc.array(fc.array(cell, { minLength: width, maxLength: width }), { minLength: 1 }),
    );
  fc.assert(
    fc.property(table, (rows) => {
      const lines = textTable(rows).split("\n");
      assert.equal(new Set(lines.map(({ length }) => length)).size, 1);
      assert.deepEqual(
        lines.map((line) => line.trim().split(/ {2,}/)),
        rows,
      );
    }),
    { seed: 70, numRuns: 200 },
  );
});

test("no rows are no text", () => {
  assert.equal(textTable([]), "");
  assert.equal(textTable([["a"]]), "a");
});
