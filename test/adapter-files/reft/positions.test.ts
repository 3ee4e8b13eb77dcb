import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { InputError } from "../../../src/util/errors.ts";
import {
  interventionPositions,
  parsePositions,
} from "../../../src/adapter-files/reft/positions.ts";
import golden from "../../golden/reft/positions.json" with { type: "json" };

suite("positions as text", () => {
  test("are first, last, or both", () => {
    assert.deepEqual(parsePositions("f7+l7"), { first: 7, last: 7 });
    assert.deepEqual(parsePositions("f1"), { first: 1, last: 0 });
    assert.deepEqual(parsePositions("l12"), { first: 0, last: 12 });
    assert.deepEqual(parsePositions("f0+l3"), { first: 0, last: 3 });
  });

  test("are refused when pyreft would take them for something else", () => {
    for (const text of [
      "",
      "7",
      "all",
      "f",
      "l7+f7",
      "f7l7",
      "f7+",
      "+l7",
      "f-1",
      "f0",
      "f0+l0",
      "f7+l7\n",
      "F7",
      "f 7",
      "f1e9",
      "f7+f7",
      "f12345678",
    ]) {
      assert.throws(
        () => parsePositions(text),
        (error: unknown) => {
          assert(error instanceof InputError);
          assert.match(error.message, /^positions are ".*", expected f<n>, l<n> or f<n>\+l<n>/);
          assert(!error.message.includes("\n"));
          return true;
        },
        text,
      );
    }
  });
});

suite("the positions of a prompt", () => {
  test("are pyreft's, without its padding", () => {
    for (const { positions, length, first, last } of golden) {
      const expected = { first, last };
      assert.deepEqual(
        interventionPositions(length, parsePositions(positions)),
        expected,
        `${positions} of ${length}`,
      );
    }
  });

  test("leave a prompt of one token alone, and halve a short one", () => {
    const of = (length: number, text: string) =>
      interventionPositions(length, parsePositions(text));
    assert.deepEqual(of(1, "f1+l1"), { first: [], last: [] });
    assert.deepEqual(of(0, "l1"), { first: [], last: [] });
    assert.deepEqual(of(8, "l7"), { first: [], last: [4, 5, 6, 7] });
    assert.deepEqual(of(5, "f7+l7"), { first: [0, 1], last: [3, 4] });
    assert.deepEqual(of(20, "f2+l3"), { first: [0, 1], last: [17, 18, 19] });
  });
});
