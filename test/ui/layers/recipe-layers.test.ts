import assert from "node:assert/strict";
import { test } from "node:test";
import {
  readRecipeLayers,
  trainedBy,
  withAbsolutePaths,
  withTrained,
} from "../../../src/ui/layers/recipe-layers.ts";
import { choosableTensors } from "../../../src/ui/layers/choosable.ts";
import { InputError } from "../../../src/util/errors.ts";
import { tinyTensors } from "./tiny-tensors.ts";

const tensors = tinyTensors();
const names = tensors.map(({ name }) => name);
const FULL = `// Mine.
{
    "base": "m", // the small one
    "method": { "type": "full", "init": "base" },
    "data": { "train": "d.jsonl" },
    "epochs": 1, /* enough */
}
`;

const lastBlock = new Set(names.filter((name) => name.includes("layers.1.")));

test("a part of a full recipe makes it freeze, and all makes it full again", () => {
  const part = withTrained(FULL, tensors, lastBlock);
  assert.equal(
    part,
    FULL.replace(
      '{ "type": "full", "init": "base" },',
      '{ "type": "freeze" },\n    "trainLast": 1,',
    ),
  );
  const all = withTrained(part, tensors, new Set(names));
  assert.equal(all, FULL.replace(', "init": "base"', ""));
});

test("what a recipe is given is what it then says, comments and all", () => {
  const trained = new Set(["model.norm.weight", "model.layers.0.mlp.up_proj.weight"]);
  const text = withTrained(FULL, tensors, trained);
  for (const comment of ["// Mine.", "// the small one", "/* enough */"]) {
    assert.ok(text.includes(comment), text);
  }
  const { choice, method } = readRecipeLayers(text, "r");
  assert.equal(method.type, "freeze");
  assert.deepEqual(new Set(names.filter(trainedBy(choice, tensors, "m"))), trained);
  assert.equal(withTrained(text, tensors, trained), text, "nothing left to write");
});

test("an adapter's method stays: the choice says where it attaches", () => {
  const lora = '{\r\n\t"base": "m",\r\n\t"data": { "train": "d" },\r\n}';
  const { method } = readRecipeLayers(lora, "r");
  const shown = choosableTensors(method, tensors).tensors;
  assert.ok(shown.every(({ shape, name }) => shape.length === 2 && name.includes("layers.")));
  const attention = new Set(shown.map(({ name }) => name).filter((name) => name.includes("attn")));
  const text = withTrained(lora, shown, attention);
  assert.equal(
    text,
    '{\r\n\t"base": "m",\r\n\t"freeze": ["mlp"],\r\n\t"data": { "train": "d" },\r\n}',
  );
  assert.equal(withTrained(text, shown, new Set(shown.map(({ name }) => name))), lora);
});

test("a comment stays with the line that it is about", () => {
  const text = '{\n  "base": "m", // small\n  // rows\n  "data": {}\n}';
  const lora = choosableTensors(readRecipeLayers(text, "r").method, tensors).tensors;
  const block = new Set(lora.map(({ name }) => name).filter((name) => lastBlock.has(name)));
  assert.equal(
    withTrained(text, lora, block),
    '{\n  "base": "m", // small\n  "trainLast": 1,\n  // rows\n  "data": {}\n}',
  );
  const some = '{\n  "base": "m",\n  "trainLast": 1, // of two\n  // rows\n  "data": {}\n}';
  assert.equal(
    withTrained(some, lora, new Set(lora.map(({ name }) => name))),
    '{\n  "base": "m",\n  // of two\n  // rows\n  "data": {}\n}',
  );
  const odd = '{ "base": "m" /* small */, "data": {} }';
  assert.equal(
    withTrained(odd, lora, block),
    '{ "base": "m", "trainLast": 1 /* small */, "data": {} }',
  );
});

test("many patterns stand one a line", () => {
  const trained = new Set(names.filter((_, index) => index % 3 === 0));
  const text = withTrained(FULL, tensors, trained);
  assert.match(text, /\n {4}"freeze": \[\n {8}"[^\n]+",\n/);
  const { choice } = readRecipeLayers(text, "r");
  assert.deepEqual(new Set(names.filter(trainedBy(choice, tensors, "m"))), trained);
});

test("a base at the end of a recipe with a trailing comma is no obstacle", () => {
  const text = withTrained('{ "data": {}, "base": "m", }', tensors, new Set(names.slice(0, 1)));
  assert.equal(readRecipeLayers(text, "r").base, "m");
});

test("a recipe that can't be read is refused by line or key", () => {
  const refused = (text: string, pattern: RegExp) =>
    assert.throws(
      () => readRecipeLayers(text, "a.retune.json"),
      (error) => error instanceof InputError && pattern.test(error.message),
    );
  refused(
    '{\n"base": "m",\n"freeze" ["mlp"] }',
    /^a\.retune\.json:3: not valid JSON: ColonExpected/,
  );
  refused("", /^a\.retune\.json:1: not valid JSON/);
  refused('{ "base": "m", "trainLast": 0 }', /^a\.retune\.json: trainLast: /);
  refused("{}", /^a\.retune\.json: base: /);
});

test("paths are made absolute where there are some", () => {
  const text = withAbsolutePaths(
    '{ "base": "m", "data": { "train": "d" } }',
    (file) => `/w/${file}`,
  );
  assert.deepEqual(JSON.parse(text), { base: "/w/m", data: { train: "/w/d" } });
});

test("each method leaves its own layers to choose from", () => {
  const choosable = (change: string) => {
    const { method } = readRecipeLayers(`{ "base": "m", "method": { ${change} } }`, "r");
    const { kind, tensors: chosen } = choosableTensors(method, tensors);
    return `${kind} ${chosen.length}`;
  };
  assert.equal(choosable('"type": "full"'), `tensors ${names.length}`);
  assert.equal(choosable('"type": "lora"'), "sites 14");
  assert.equal(choosable('"type": "lora", "targets": ["q_proj", "mlp.up_proj"]'), "sites 4");
  assert.equal(choosable('"type": "lora", "targets": ".*layers\\\\.1\\\\..*_proj"'), "sites 7");
  assert.equal(choosable('"type": "ia3"'), "sites 10");
  assert.equal(choosable('"type": "loreft", "layers": [1]'), "blocks 10");
  assert.throws(() => choosable('"type": "prompt-tuning"'), /trains virtual tokens/);
  assert.throws(() => choosable('"type": "lora", "targets": ["nope"]'), /nothing to tick/);
  assert.throws(() => choosable('"type": "lora", "targets": "("'), InputError);
});

test("nothing ticked is a linear probe where rows are labelled, unless the head was probed before", () => {
  const text = (probe: string): string =>
    `{ "base": "b", "method": { "type": "freeze" }, "trainLast": 1, "objective": { "type": "classification"${probe} } }`;
  const tensors = tinyTensors();
  const none = withTrained(text(""), tensors, new Set());
  assert.equal(
    none,
    '{ "base": "b", "method": { "type": "head" }, "objective": { "type": "classification" } }',
  );
  const all = new Set(tensors.map(({ name }) => name));
  assert.match(withTrained(none, tensors, all), /"method": \{ "type": "full" \}/);
  const probed = withTrained(text(', "probe": {}'), tensors, new Set());
  assert.match(probed, /"type": "freeze" \}, "freeze": \["\*"\]/);
  const sft = withTrained(text("").replace("classification", "sft"), tensors, new Set());
  assert.match(sft, /"type": "freeze" \}, "freeze": \["\*"\]/);
});
