import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cutMiddle } from "../../../src/ui/ask/cut-middle.ts";

test("names that differ at their ends stay apart", () => {
  const name = "a-very-long-name-of-a-fine-tune-for-two-languages-instruct";
  assert.equal(cutMiddle(`${name}-v2`, 21), "a-very-lon…nstruct-v2");
  assert.notEqual(cutMiddle(`${name}-v2`, 21), cutMiddle(`${name}-v3`, 21));
  assert.equal(cutMiddle(name, name.length), name);
});

test("no more characters than asked for, none cut in two, and both ends as they were", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.integer({ min: 3, max: 40 }), (text, max) => {
      const cut = Array.from(cutMiddle(text, max));
      const chars = Array.from(text);
      assert.equal(cut.length, Math.min(max, chars.length));
      assert.equal(cut[0], chars[0]);
      assert.equal(cut.at(-1), chars.at(-1));
    }),
  );
});
