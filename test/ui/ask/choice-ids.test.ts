/** What was ticked is found again by what it is, not by what it is called. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { choiceIds } from "../../../src/ui/ask/choice-ids.ts";
import type { Choices } from "../../../src/ui/ask/question.ts";

test("two adapters of one name are told apart, also when the list has grown meanwhile", () => {
  const one = { id: "/runs/one/adapter", label: "tone", value: { path: "one" } };
  const other = { id: "/runs/other/adapter", label: "tone", value: { path: "other" } };
  const [a, b] = choiceIds([one, other]);
  assert.notEqual(a, b);
  const between = { id: "/runs/new/adapter", label: "tone", value: { path: "new" } };
  assert.deepEqual(choiceIds([between, { heading: "older" }, other, one]).slice(2), [b, a]);
});

test("a value that is a text stands for itself, whatever it is called", () => {
  assert.deepEqual(
    choiceIds([{ label: "a.jsonl", value: "/data/a.jsonl" }]),
    choiceIds([{ label: "data/a.jsonl", value: "/data/a.jsonl" }]),
  );
});

test("no two choices have one id, and headings have none", () => {
  const text = fc.constantFrom("", "a", "0 a", "1 a", "b");
  const choice = fc.record({ label: text, value: fc.oneof(text, fc.integer()) });
  const heading = fc.record({ heading: text });
  fc.assert(
    fc.property(fc.array(fc.oneof(choice, heading)), (choices) => {
      const ids = choiceIds(choices as Choices<string | number>);
      const own = ids.filter((id) => id !== undefined);
      assert.equal(new Set(own).size, own.length);
      assert.equal(own.length, choices.filter((one) => !("heading" in one)).length);
    }),
  );
});
