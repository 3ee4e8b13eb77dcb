// Where a number is rounded into the next unit, or has more digits than its format.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  formatBytes,
  formatParameters,
  formatShare,
  formatTickCount,
  formatTickDuration,
  formatValue,
} from "../../../media/shared/format.ts";
import { Dice } from "../../support/fuzz/dice.ts";

test("what rounds up to a thousand is one of the next unit", () => {
  assert.equal(formatParameters(999_499), "999 K");
  assert.equal(formatParameters(999_500), "1 M");
  assert.equal(formatParameters(999_999_999), "1 B");
  assert.equal(formatBytes(999_499), "999 kB");
  assert.equal(formatBytes(999_500), "1.00 MB");
  assert.equal(formatBytes(9_996), "10.0 kB");
});

test("no figure is written with an exponent where a plain number is meant", () => {
  for (let seed = 0; seed < 500; seed++) {
    const dice = new Dice(seed);
    const value = (1 + dice.int(9_999_999)) * 10 ** dice.int(6);
    for (const text of [formatParameters(value), formatBytes(value), formatTickCount(value)]) {
      assert.doesNotMatch(text, /e/u, `seed ${seed}: ${value}`);
      assert.doesNotMatch(text, /^1000[ kM]/u, `seed ${seed}: ${value}`);
    }
  }
  assert.equal(formatShare(12.34), "1230 %");
  assert.equal(formatShare(9.999), "1000 %");
});

test("a unit's number read back is the value, to the digits that are shown", () => {
  const sizes: Record<string, number> = {
    K: 1e3,
    M: 1e6,
    B: 1e9,
    kB: 1e3,
    MB: 1e6,
    GB: 1e9,
    TB: 1e12,
  };
  for (let seed = 0; seed < 500; seed++) {
    const dice = new Dice(seed);
    const value = (1 + dice.int(999_999)) * 10 ** dice.int(7);
    for (const text of [formatParameters(value), ...(value >= 1000 ? [formatBytes(value)] : [])]) {
      const [digits = "", unit = ""] = text.split(" ");
      const read = Number(digits) * (sizes[unit] ?? 1);
      assert.ok(Math.abs(read - value) <= 0.0051 * value, `seed ${seed}: ${value} is not ${text}`);
    }
  }
});

test("seconds that round up to a minute make one", () => {
  assert.equal(formatTickDuration(119.6), "2m");
  assert.equal(formatTickDuration(3_599.6), "1h");
  assert.equal(formatTickDuration(59.6), "59.6s");
});

test("a value's four digits are not an exponent's before a million", () => {
  assert.equal(formatValue(12_345.6), "12346");
  assert.equal(formatValue(123_456), "123456");
  assert.equal(formatValue(1e6), "1.00e6");
});
