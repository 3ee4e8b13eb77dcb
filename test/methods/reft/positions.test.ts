import assert from "node:assert/strict";
import { test } from "node:test";
import type { Example } from "../../../src/data/example.ts";
import { checkPrompts, positionsFor } from "../../../src/methods/reft/positions.ts";

/** A row of which `prompt` tokens are prompt and two are answer. */
function row(prompt: number, line = 1): Example {
  const weights = new Float32Array(prompt + 2).fill(1, prompt);
  return { ids: new Int32Array(prompt + 2), weights, line };
}

test("positions are what half of the prompts have room for, seven at most", () => {
  assert.equal(positionsFor([11, 11, 11].map((length) => row(length))), "f5+l5");
  assert.equal(positionsFor([40, 60, 80].map((length) => row(length))), "f7+l7");
  // One short row does not take from all others what they have.
  assert.equal(positionsFor([3, 20, 22, 24].map((length) => row(length))), "f7+l7");
  assert.equal(positionsFor([1, 1, 30].map((length) => row(length))), "f1+l1");
  assert.equal(positionsFor([]), "f1+l1");
});

test("a prompt without room for one position at each end is named by line", () => {
  const rows = [row(9, 1), row(1, 2)];
  assert.throws(
    () => checkPrompts({ first: 1, last: 1 }, rows, "a.jsonl"),
    /a\.jsonl:2: its prompt has 1/,
  );
  checkPrompts({ first: 1, last: 1 }, [row(9), row(2)], "a.jsonl");
});
