import assert from "node:assert/strict";
import { test } from "node:test";
import { proposeRole } from "../../../src/ui/recipes/evaluation-roles.ts";

const TUNED_ON = { train: "/d/topics-train.jsonl", eval: "/e/own.jsonl" };

test("a file is for what its name and its place say", () => {
  const cases: [file: string, role: string][] = [
    ["/d/valid.jsonl", "validation"],
    ["/d/dev-topics.jsonl", "validation"],
    ["/d/topics-valid.jsonl", "validation"],
    ["/e/own.jsonl", "in-distribution"],
    ["/d/topics-test.jsonl", "in-distribution"],
    ["/d/mails-test.jsonl", "shifted"],
    ["/other/topics-test.jsonl", "shifted"],
  ];
  for (const [file, role] of cases) assert.equal(proposeRole(file, TUNED_ON), role, file);
});

test("where nothing is known of the tuning, a file is a test like what it was tuned for", () => {
  assert.equal(proposeRole("/d/rows.jsonl"), "in-distribution");
});
