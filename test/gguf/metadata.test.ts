import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import {
  number,
  numberOfAllLayers,
  optionalFlag,
  optionalNumber,
  optionalNumbers,
  optionalText,
  optionalTexts,
  shortestDecimal,
} from "../../src/gguf/metadata.ts";
import { tinyHeader } from "./tiny-header.ts";

const header = tinyHeader({
  count: 3,
  zero: 0,
  name: "llama",
  empty: "",
  flag: false,
  texts: ["a", "b"],
  numbers: [1, 2.5],
  mixed: [1, "a"],
  none: [],
  same: [8, 8, 8],
  differing: [8, 8, 4],
});
const refusal = (message: string) => ({
  name: "InputError",
  message: `/models/tiny.gguf: metadata ${message}`,
});

suite("metadata by key and type", () => {
  test("is given as it is, what counts as nothing too", () => {
    assert.equal(optionalNumber(header, "count"), 3);
    assert.equal(number(header, "zero"), 0);
    assert.equal(optionalText(header, "name"), "llama");
    assert.equal(optionalText(header, "empty"), "");
    assert.equal(optionalFlag(header, "flag"), false);
    assert.deepEqual(optionalTexts(header, "texts"), ["a", "b"]);
    assert.deepEqual(optionalNumbers(header, "numbers"), [1, 2.5]);
    assert.deepEqual(optionalNumbers(header, "none"), []);
  });

  test("may be missing where it is optional, and is named where it is not", () => {
    for (const read of [
      optionalNumber,
      optionalText,
      optionalFlag,
      optionalTexts,
      optionalNumbers,
      numberOfAllLayers,
    ]) {
      assert.equal(read(header, "absent"), undefined);
    }
    assert.throws(() => number(header, "absent"), refusal("absent is missing"));
  });

  test("of another type is refused with what was found and expected", () => {
    assert.throws(() => number(header, "name"), refusal("name is a string, expected a number"));
    assert.throws(
      () => optionalText(header, "flag"),
      refusal("flag is a boolean, expected a string"),
    );
    assert.throws(
      () => optionalFlag(header, "zero"),
      refusal("zero is a number, expected a boolean"),
    );
    assert.throws(
      () => optionalNumber(header, "numbers"),
      refusal("numbers is a list, expected a number"),
    );
  });

  test("of a list is of one kind, or refused", () => {
    for (const key of ["mixed", "texts", "count"]) {
      assert.throws(
        () => optionalNumbers(header, key),
        refusal(`${key} is not a list of one kind`),
      );
    }
    assert.throws(
      () => optionalTexts(header, "numbers"),
      refusal("numbers is not a list of one kind"),
    );
  });

  test("of all layers is one number, also where it is written once for each", () => {
    assert.equal(numberOfAllLayers(header, "count"), 3);
    assert.equal(numberOfAllLayers(header, "same"), 8);
    for (const key of ["differing", "none", "texts"]) {
      assert.throws(
        () => numberOfAllLayers(header, key),
        refusal(`${key} differs between layers; not supported`),
      );
    }
  });
});

suite("the shortest decimal of a float32", () => {
  test("is what its maker wrote", () => {
    // The float32 nearest to each, as a GGUF holds it, is another float64.
    for (const written of [1e-5, 1e-6, 0.1, 0.3, 10_000, 500_000, 1e6, 0.044194173, 0, -0.25]) {
      assert.equal(shortestDecimal(Math.fround(written)), written);
    }
    assert.equal(shortestDecimal(9.999999747378752e-6), 1e-5);
  });

  test("is the same float32, and with a digit fewer another", () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const short = shortestDecimal(value);
        assert.equal(Math.fround(short), value);
        const digits = short.toExponential().replace(/e.*|\D/gu, "").length;
        if (digits === 1) return;
        const shorter = Number(value.toPrecision(Math.min(digits, 9) - 1));
        assert.notEqual(Math.fround(shorter), value);
      }),
      { seed: 9, numRuns: 500 },
    );
  });
});
