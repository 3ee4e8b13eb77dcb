import assert from "node:assert/strict";
import { test } from "node:test";
import type { JSONPath } from "jsonc-parser";
import { withValue } from "../../../src/ui/layers/recipe-edit.ts";
import { parseJsoncValue } from "./parse-jsonc-value.ts";
import { Dice } from "../../support/fuzz/dice.ts";

const set = (text: string, place: JSONPath, value: unknown): string =>
  withValue(text, place, () => value);

test("a value is exchanged where it stands", () => {
  const text = '{\n  // why\n  "trainLast" : 1, /* of 30 */ "epochs": 2\n}\n';
  assert.equal(
    set(text, ["trainLast"], 2),
    '{\n  // why\n  "trainLast" : 2, /* of 30 */ "epochs": 2\n}\n',
  );
  assert.equal(
    set('{ "method": { "type": "full" } }', ["method", "type"], "freeze"),
    '{ "method": { "type": "freeze" } }',
  );
});

test("what is so already, and what is no recipe, stays as it is", () => {
  const odd = '{"freeze":[ "a",\n\n"b" ]}';
  assert.equal(set(odd, ["freeze"], ["a", "b"]), odd, "its layout is the person's");
  assert.equal(set(odd, ["trainLast"], undefined), odd);
  assert.equal(set("", ["trainLast"], 1), "");
});

test("the old value is handed to the change, none as undefined", () => {
  const seen: unknown[] = [];
  const look = (value: unknown): unknown => {
    seen.push(value);
    return value;
  };
  withValue('{"base": "m", "data": {"train": "d"}}', ["data", "train"], look);
  withValue('{"base": "m", "data": {"train": "d"}}', ["data", "eval"], look);
  withValue('{"freeze": ["x"]}', ["freeze"], look);
  assert.deepEqual(seen, ["d", undefined, ["x"]]);
});

test("a new key stands behind the method, else behind the base, else at the front", () => {
  const both = '{\n  "base": "m",\n  "method": { "type": "full" },\n  "epochs": 1\n}';
  assert.equal(
    set(both, ["trainLast"], 1),
    '{\n  "base": "m",\n  "method": { "type": "full" },\n  "trainLast": 1,\n  "epochs": 1\n}',
  );
  assert.equal(
    set('{\n  "base": "m",\n  "epochs": 1\n}', ["trainLast"], 1),
    '{\n  "base": "m",\n  "trainLast": 1,\n  "epochs": 1\n}',
  );
  assert.equal(set('{ "epochs": 1 }', ["trainLast"], 1), '{"trainLast": 1,  "epochs": 1 }');
});

test("it goes in front of a base that is the last key, whose comma nobody can be sure of", () => {
  assert.equal(
    set('{\n  "epochs": 1,\n  "base": "m"\n}', ["trainLast"], 1),
    '{\n  "epochs": 1,\n  "trainLast": 1,\n  "base": "m"\n}',
  );
});

test("a comment behind the method stays on the method's line", () => {
  for (const comment of ["// small", "/* small */"]) {
    assert.equal(
      set(`{\n  "base": "m", ${comment}\n  "epochs": 1\n}`, ["trainLast"], 1),
      `{\n  "base": "m", ${comment}\n  "trainLast": 1,\n  "epochs": 1\n}`,
    );
  }
  const beforeComma = set('{\n  "base": "m" /* small */,\n  "epochs": 1\n}', ["trainLast"], 1);
  assert.deepEqual(parseJsoncValue(beforeComma), { base: "m", trainLast: 1, epochs: 1 });
  assert.match(beforeComma, /\/\* small \*\//);
});

test("indentation and line ends are those of the file", () => {
  assert.equal(
    set('{\r\n\t"base": "m",\r\n\t"epochs": 1\r\n}', ["trainLast"], 1),
    '{\r\n\t"base": "m",\r\n\t"trainLast": 1,\r\n\t"epochs": 1\r\n}',
  );
});

test("a list stands on one line of at most 90 characters, else a line for each", () => {
  // [" 85 characters "] is a line of 85 + 4.
  const fits = set('{\n   "base": "m",\n   "epochs": 1\n}', ["freeze"], ["x".repeat(86)]);
  assert.match(fits, /"freeze": \["x{86}"\],/);
  const long = set(
    '{\n   "base": "m",\n   "epochs": 1\n}',
    ["freeze"],
    ["x".repeat(44), "y".repeat(39)],
  );
  assert.equal(
    long,
    `{\n   "base": "m",\n   "freeze": [\n      "${"x".repeat(44)}",\n      "${"y".repeat(39)}"\n   ],\n   "epochs": 1\n}`,
  );
});

test("a key goes with its own line, or alone where others share the line", () => {
  assert.equal(
    set('{\n  "base": "m",\n  "freeze": ["a"],\n  "epochs": 1\n}', ["freeze"], undefined),
    '{\n  "base": "m",\n  "epochs": 1\n}',
  );
  assert.equal(
    set('{ "base": "m", "freeze": ["a"], "epochs": 1 }', ["freeze"], undefined),
    '{ "base": "m", "epochs": 1 }',
  );
  assert.deepEqual(
    parseJsoncValue(set('{\n  "base": "m",\n  "freeze": ["a"]\n}', ["freeze"], undefined)),
    { base: "m" },
    "the comma before the last key goes along",
  );
});

const KEYS = ["name", "base", "method", "freeze", "trainLast", "epochs", "seed"] as const;

/** A recipe as people write them: some keys, in any order, with comments, blanks and line ends of any kind. */
function someRecipe(dice: Dice): { text: string; comments: string[] } {
  const eol = dice.pick(["\n", "\r\n"]);
  const indent = dice.pick(["  ", "\t", "    "]);
  const isOneLine = dice.int(5) === 0;
  const values: Record<(typeof KEYS)[number], string> = {
    name: '"// no comment, \\" and no end"',
    base: '"models/tiny, the small one"',
    method: dice.pick(['{ "type": "full" }', '{"type":"lora","rank":8}']),
    freeze: dice.pick(['["mlp"]', '[ "mlp" , "!norm" ]', "[]"]),
    trainLast: "2",
    epochs: "1.5",
    seed: "42",
  };
  const keys = KEYS.filter(() => dice.int(3) > 0)
    .map((key) => ({ key, at: dice.int(1000) }))
    .toSorted((a, b) => a.at - b.at);
  const comments: string[] = [];
  const lines = keys.map(({ key }, index) => {
    const comma = index < keys.length - 1 || dice.int(4) === 0 ? "," : "";
    const property = `"${key}":${dice.pick(["", " "])}${values[key]}${comma}`;
    if (isOneLine || dice.int(3) > 0) return property;
    const comment = dice.pick([`// of ${key}, so`, `/* of ${key}: { */`]);
    comments.push(comment);
    return dice.int(2) === 0 ? `${comment}${eol}${indent}${property}` : `${property} ${comment}`;
  });
  const text = isOneLine
    ? `{ ${lines.join(" ")} }`
    : `{${eol}${lines.map((line) => indent + line).join(eol)}${eol}}${eol}`;
  return { text, comments };
}

test("of any recipe one value changes, all others and the comments stay, and again is nothing to do", () => {
  for (let seed = 0; seed < 600; seed++) {
    const dice = new Dice(seed);
    const { text, comments } = someRecipe(dice);
    const before = parseJsoncValue(text) as Record<string, unknown>;
    const key = dice.pick(["freeze", "trainLast", "epochs"] as const);
    const { value } = dice.pick<{ value?: unknown }>([
      {},
      { value: 7 },
      { value: ["a", "b"] },
      { value: ["x".repeat(60), "y".repeat(60)] },
    ]);
    const after = set(text, [key], value);
    const message = `seed ${seed}, ${key} to ${JSON.stringify(value)}:\n${text}\n→\n${after}`;
    const expected = { ...before, [key]: value };
    if (value === undefined) delete expected[key];
    assert.deepEqual(parseJsoncValue(after), expected, message);
    assert.equal(set(after, [key], value), after, message);
    assert.equal(after.includes("\r\n"), text.includes("\r\n"), message);
    if (text.includes("\r\n")) assert.doesNotMatch(after, /[^\r]\n/, message);
    if (value === undefined) continue; // jsonc-parser takes the comments of what goes along.
    for (const comment of comments) assert.ok(after.includes(comment), message);
  }
});
