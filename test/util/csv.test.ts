/** What is written as RFC 4180 is what csv-parse, which holds to it, reads again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "csv-parse/sync";
import fc from "fast-check";
import { csvLines, toCsv } from "../../src/util/csv.ts";

test("RFC 4180's own examples are written so", () => {
  // Section 2, 2 to 7: CRLF behind each line, quotes doubled, quoted where there is a quote, comma or break.
  assert.equal(
    csvLines([
      ["aaa", "bbb", "ccc"],
      ["zzz", "yyy", "xxx"],
    ]),
    "aaa,bbb,ccc\r\nzzz,yyy,xxx\r\n",
  );
  assert.equal(csvLines([["aaa", "b\r\nbb", "ccc"]]), 'aaa,"b\r\nbb",ccc\r\n');
  assert.equal(csvLines([['b"bb']]), '"b""bb"\r\n');
  assert.equal(csvLines([["a,b", "c\nd", "e\rf"]]), '"a,b","c\nd","e\rf"\r\n');
  assert.equal(csvLines([]), "");
});

test("any texts come back from a parser of the standard", () => {
  const cell = fc.string({ unit: fc.constantFrom(..."ab,\"\r\n' ;\té𝄞".match(/./gsu)!) });
  const rows = fc.array(fc.array(cell, { minLength: 3, maxLength: 3 }), { minLength: 1 });
  fc.assert(
    fc.property(rows, (texts) => {
      const read = parse(csvLines(texts), { record_delimiter: "\r\n" });
      assert.deepEqual(read, texts);
    }),
    { seed: 40, numRuns: 300 },
  );
});

test("numbers keep all their digits", () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const [[text] = []] = parse(csvLines([[value]])) as string[][];
      assert.equal(Number(text), value === 0 ? 0 : value);
    }),
    { seed: 41, numRuns: 300 },
  );
});

test("a table has its columns in the order given; what a row has not is empty, what it has more is left out", () => {
  const rows = [{ loss: 0.1, model: "a,b" }, { model: "c", rows: 3, other: "x" }, {}];
  assert.equal(
    toCsv(["model", "loss", "rows"], rows),
    'model,loss,rows\r\n"a,b",0.1,\r\nc,,3\r\n,,\r\n',
  );
  assert.equal(toCsv(["model"], []), "model\r\n");
});
