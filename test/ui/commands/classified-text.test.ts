import assert from "node:assert/strict";
import { test } from "node:test";
import { classifiedMarkdown, classifyArguments } from "../../../src/ui/commands/classified-text.ts";

test("a label a line, its probability in front, the given ones bold", () => {
  const scores = [
    { label: "spam", probability: 0.91234 },
    { label: "ham", probability: 0.08766 },
  ];
  assert.equal(
    classifiedMarkdown({ labels: ["spam"], scores }),
    "- 91.2 % **spam**\n- 8.8 % ham\n",
  );
  assert.equal(
    classifiedMarkdown({ labels: ["spam", "ham"], scores }),
    "- 91.2 % **spam**\n- 8.8 % **ham**\n",
    "of several labels all that apply",
  );
  assert.equal(classifiedMarkdown({ labels: [], scores }), "- 91.2 % spam\n- 8.8 % ham\n");
});

test("a value has four digits behind the point", () => {
  assert.equal(classifiedMarkdown({ value: 2.5 }), "**2.5000**\n");
});

test("a label of several lines is one line of the list, and still the given one", () => {
  const scores = [{ label: "a\n\n# b", probability: 1 }];
  assert.equal(classifiedMarkdown({ labels: ["a\n\n# b"], scores }), "- 100.0 % **a # b**\n");
});

test("an answer that is none is refused by what it lacks", () => {
  assert.throws(() => classifiedMarkdown({ labels: ["a"] }), /scores|union/u);
  assert.throws(() => classifiedMarkdown(undefined), /Invalid input/u);
});

test("the command is asked for the base, the adapter where there is one, and the text whatever it begins with", () => {
  assert.deepEqual(classifyArguments({ base: "/m" }, "--json"), [
    "classify",
    "/m",
    "--text=--json",
    "--json",
    "--top",
    "20",
  ]);
  assert.deepEqual(classifyArguments({ base: "/m", adapter: "/a b" }, "x\ny").slice(0, 5), [
    "classify",
    "/m",
    "--adapter",
    "/a b",
    "--text=x\ny",
  ]);
});
