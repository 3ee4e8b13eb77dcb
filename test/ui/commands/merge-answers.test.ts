import assert from "node:assert/strict";
import { test } from "node:test";
import { askedParameters, METHOD_NAMES } from "../../../src/protocol/merge-methods.ts";
import {
  numbersIn,
  numbersProblem,
  optionFor,
  resultName,
} from "../../../src/ui/commands/merge-answers.ts";
import { Dice } from "../../support/fuzz/dice.ts";

test("so many numbers as were asked for, with any space between", () => {
  assert.equal(numbersProblem("0.5", 1), undefined);
  assert.equal(numbersProblem("  1\t-2.5  1e-4 ", 3), undefined);
  assert.deepEqual(numbersIn("  1\t-2.5  1e-4 "), ["1", "-2.5", "1e-4"]);
});

test("what is no such thing is said with what was found", () => {
  assert.equal(numbersProblem("", 1), 'One number, please; found "".');
  assert.equal(numbersProblem("   ", 1), 'One number, please; found "   ".');
  assert.equal(numbersProblem("half", 1), 'One number, please; found "half".');
  assert.equal(numbersProblem("1 2", 1), 'One number, please; found "1 2".');
  assert.equal(numbersProblem("1", 2), '2 numbers, please; found "1".');
  assert.equal(numbersProblem("1, 2", 2), '2 numbers, please; found "1, 2".', "a comma is none");
  for (const odd of ["NaN", "Infinity", "-Infinity", "1e999", "0x10", "0b1", "1_0"])
    assert.ok(numbersProblem(odd, 1), odd);
});

test("any numbers that were printed are read again as the same", () => {
  for (let seed = 0; seed < 200; seed++) {
    const dice = new Dice(seed);
    const numbers = Array.from(
      { length: 1 + dice.int(5) },
      () => (dice.int(2001) - 1000) / 10 ** dice.int(9),
    );
    const text = numbers.join(dice.pick([" ", "  ", "\t"]));
    assert.equal(numbersProblem(text, numbers.length), undefined, `seed ${seed}: ${text}`);
    assert.deepEqual(numbersIn(text).map(Number), numbers, `seed ${seed}`);
    assert.ok(numbersProblem(text, numbers.length + 1), `seed ${seed}`);
  }
});

test("a number goes to the command's own option, else by its name; a sign is no option", () => {
  assert.equal(optionFor("weight", "-0.5"), "--weight=-0.5");
  assert.equal(optionFor("density", "1"), "--density=1");
  assert.equal(optionFor("t", "0.5"), "--t=0.5");
  assert.equal(optionFor("select_topk", "0.1"), "--set=select_topk=0.1");
  for (const { name } of METHOD_NAMES.flatMap((method) => askedParameters(method))) {
    assert.match(optionFor(name, "1"), /^--(?:weight|density|t|set=[a-z_]+)=1$/u, name);
  }
});

test("a merged model is called by what it is made of, a run's by its run, and how", () => {
  const named = (...labels: readonly string[]) =>
    resultName(
      labels.map((label) => ({ label })),
      "ties",
    );
  assert.equal(named("tiny", "tone/model", "org/topics"), "tiny-tone-topics-ties");
  assert.equal(named("model"), "model-ties");
  const long = named(...Array.from({ length: 12 }, (_, index) => `SmolLM2-${index}`));
  assert.equal(long.length, 80 + "-ties".length);
  assert.ok(long.endsWith("-ties"), "the method is not cut");
});
