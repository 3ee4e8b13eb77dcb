import assert from "node:assert/strict";
import { test } from "node:test";
import { numberOption, parseArguments } from "../../src/cli/command.ts";
import { InputError } from "../../src/util/errors.ts";

const OPTIONS = { weight: { type: "string", multiple: true }, json: { type: "boolean" } } as const;
const parse = (...args: string[]) =>
  parseArguments(args, { options: OPTIONS, positionals: ["BASE", "OUT"] });

function refuses(work: () => unknown, message: string | RegExp): void {
  assert.throws(work, (error) => {
    assert.ok(error instanceof InputError);
    if (typeof message === "string") assert.equal(error.message, message);
    else assert.match(error.message, message);
    return true;
  });
}

test("a negative number is a value, and not after --", () => {
  const { values } = parse("a", "b", "--weight", "-0.5", "--weight", "-.5", "--weight=-1");
  assert.deepEqual(values.weight, ["-0.5", "-.5", "-1"]);
  assert.deepEqual(parse("a", "--", "-1").positionals, ["a", "-1"]);
});

test("what is missing, too much or unknown is named", () => {
  refuses(() => parse(), "BASE is missing");
  refuses(() => parse("a"), "OUT is missing");
  refuses(() => parse("a", "b", "c"), 'unexpected argument "c"');
  refuses(() => parse("a", "b", "--nothing"), /--nothing/);
  refuses(() => parse("a", "b", "--weight", "--json"), /weight/);
  const { positionals } = parseArguments(["a", "b", "c"], {
    options: {},
    positionals: ["A"],
    takesMore: true,
  });
  assert.deepEqual(positionals, ["a", "b", "c"]);
});

test("a number outside its limits, or none, is named with what was expected", () => {
  assert.equal(numberOption("top", undefined, { min: 1 }), undefined);
  assert.equal(numberOption("top", "1e3", { min: 1, integer: true }), 1000);
  for (const text of ["", " ", "x", "NaN", "Infinity", "0.5", "0", "1.5"]) {
    refuses(
      () => numberOption("top", text, { min: 1, integer: true }),
      `--top must be a whole number of at least 1, found "${text}"`,
    );
  }
  refuses(
    () => numberOption("t", "-1", { min: 0 }),
    '--t must be a number of at least 0, found "-1"',
  );
});
