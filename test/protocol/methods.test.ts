/** The methods that a recipe can name: what must be true of each of them, and what is told of one that is not known. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import type { AnyMethod } from "../../src/protocol/method.ts";
import {
  DEFAULT_METHOD,
  METHODS,
  isFromScratch,
  methodFacts,
  methodOfBase,
  methodSchema,
  methodText,
  methodView,
  methodWord,
  quantizationProblem,
  ratesOfMethods,
  trainsBase,
  virtualTokensOf,
} from "../../src/protocol/methods.ts";
import { issueText } from "../../src/util/json.ts";

const plain = (type: string): AnyMethod => methodSchema.parse({ type });
const NAMES = METHODS.all.map(({ name }) => name);

test("every method's name alone is a recipe's method, and its schema's own", () => {
  assert.ok(NAMES.includes(DEFAULT_METHOD));
  for (const { name, schema } of METHODS.all) {
    assert.deepEqual(methodSchema.parse({ type: name }), schema.parse({ type: name }), name);
    assert.equal(methodFacts({ type: name }).name, name);
  }
});

test("each file of protocol/methods that describes a method is listed", () => {
  const folder = path.join(import.meta.dirname, "../../src/protocol/methods");
  const shared = ["targets", "base-layers", "virtual-tokens"];
  const described = readdirSync(folder)
    .map((file) => path.parse(file).name)
    .filter((name) => !shared.includes(name));
  // ReFT's file has three methods of one paper.
  const reft = ["loreft", "direft", "noreft"];
  assert.deepEqual(
    described.flatMap((name) => (name === "reft" ? reft : [name])).toSorted(),
    NAMES.toSorted(),
  );
});

test("a method that is not known, or an option of another's, is refused by its name", () => {
  const refusal = (method: object): string => issueText(methodSchema.safeParse(method).error!);
  assert.match(refusal({ type: "qlora" }), /^type: /);
  assert.match(refusal({ type: "ia3", rank: 8 }), /"rank"/);
  assert.match(refusal({ type: "lora", rank: 0 }), /^rank: /);
  assert.match(
    refusal({ type: "loreft", positions: "f0" }),
    /^positions: expected "auto", or e\.g\. "f7\+l7"/,
  );
  assert.throws(() => methodFacts({ type: "qlora" }), {
    name: "InputError",
    message: `there is no method qlora; known: ${NAMES.join(", ")}`,
  });
});

test("the choices that a person is offered are valid, differ, and stand in an order", () => {
  const choices = METHODS.all.flatMap((facts) =>
    facts.choices.map((choice) => ({ facts, choice })),
  );
  const places = choices.map(({ choice }) => choice.place);
  const labels = choices.map(({ choice }) => choice.label);
  assert.equal(new Set(places).size, places.length);
  assert.equal(new Set(labels).size, labels.length);
  for (const { facts, choice } of choices) {
    const method = methodSchema.parse(choice.recipe.method);
    assert.equal(method.type, facts.name, choice.label);
    for (const text of [choice.detail, choice.description])
      assert.match(text, /^\S.*\S$/, choice.label);
    // "rank 8", "20 virtual tokens": the numbers that are promised are those of the recipe.
    for (const [number] of choice.description.matchAll(/\d+/g)) {
      const values = Object.values(choice.recipe.method).map(String);
      assert.ok(values.includes(number), `${choice.label}: ${number}`);
    }
  }
});

test("a learning rate is within what learns, and a large base's is never above a tiny one's", () => {
  for (const { name } of METHODS.all) {
    const { large, tiny } = methodFacts({ type: name }).learningRate(plain(name));
    assert.ok(large > 1e-6 && tiny < 1 && large <= tiny, name);
  }
});

test("the rates in words name every method once, or say that the base itself is trained", () => {
  const text = ratesOfMethods();
  for (const { name, ofBase } of METHODS.all) {
    const isNamed = new RegExp(String.raw`\b${name}\b`).test(text);
    assert.equal(isNamed, ofBase === undefined || ofBase === "head", name);
  }
  // The papers and libraries that are cited beside each: QLoRA, PEFT's examples, LoReFT, Alpaca.
  for (const part of [
    "2e-4 for lora",
    "5e-3 for ia3",
    "1e-2 for prompt-tuning and prefix-tuning",
    "9e-4 for loreft, direft and noreft",
    "2e-5 where the base itself is trained",
  ]) {
    assert.ok(text.includes(part), part);
  }
});

test("a result is a model exactly where the base's own tensors are trained", () => {
  const ofBase = NAMES.filter((type) => trainsBase({ type }));
  assert.deepEqual(ofBase.toSorted(), ["freeze", "full", "head"]);
  for (const type of NAMES) {
    assert.equal(methodView(plain(type)).writesModel, trainsBase({ type }), type);
  }
  assert.equal(methodOfBase("all").name, "full");
  assert.equal(methodOfBase("part").name, "freeze");
  assert.equal(methodOfBase("head").name, "head");
});

test("virtual tokens stand before rows of two methods, and from scratch goes full alone", () => {
  const virtual = NAMES.filter((type) => virtualTokensOf(plain(type)) > 0);
  assert.deepEqual(virtual.toSorted(), ["prefix-tuning", "prompt-tuning"]);
  assert.equal(virtualTokensOf(methodSchema.parse({ type: "prompt-tuning", tokens: 7 })), 7);
  assert.deepEqual(
    NAMES.filter((type) => isFromScratch(plain(type))),
    [],
  );
  assert.equal(isFromScratch(methodSchema.parse({ type: "full", init: "random" })), true);
});

test("integers hold the base's weights under LoRA alone, and the others say so", () => {
  for (const type of NAMES) {
    const problem = quantizationProblem({ type });
    if (type === "lora") assert.equal(problem, undefined);
    else
      assert.equal(
        problem,
        'quantization is for method lora, whose base weights stay as they are; leave it out, or choose "lora"',
      );
  }
});

test("every method has a word, a text and a title, and its settings start with its name", () => {
  for (const type of NAMES) {
    const method = plain(type);
    const { title, settings } = methodView(method);
    for (const text of [methodWord(method), methodText(method), title])
      assert.match(text, /^\S[^\n]*$/, type);
    assert.equal(settings[0]?.label, "Method", type);
    const labels = settings.map(({ label }) => label);
    assert.equal(new Set(labels).size, labels.length, type);
  }
});

test("of a method of another version its name is all that is shown", () => {
  const method = { type: "moe" };
  assert.equal(methodWord(method), "moe");
  assert.equal(methodText(method), "moe");
  const settings = [{ label: "Method", value: "moe" }];
  assert.deepEqual(methodView(method), { title: "moe", settings, writesModel: false });
});
