import assert from "node:assert/strict";
import { test } from "node:test";
import { formatWhen, shortenMiddle } from "../../src/util/format.ts";

const at = (...parts: [number, number, number, number, number]) => new Date(...parts).getTime();

test("the nearer a time is, the finer it is told", () => {
  const now = at(2026, 10, 27, 15, 30);
  assert.equal(formatWhen(at(2026, 10, 27, 9, 5), now), "09:05");
  assert.equal(formatWhen(at(2026, 10, 26, 23, 59), now), "Thu 23:59");
  assert.equal(formatWhen(at(2026, 10, 20, 9, 5), now), "20 Nov");
  assert.equal(formatWhen(at(2025, 11, 31, 9, 5), now), "31 Dec 2025");
  // A clock of another machine that is ahead.
  assert.equal(formatWhen(at(2026, 10, 28, 9, 5), now), "28 Nov");
  assert.equal(formatWhen("never", now), "");
});

test("a long name keeps both its ends, whole characters", () => {
  assert.equal(shortenMiddle("retune-tiny-lora-dictionary-2", 20), "retune-tin…tionary-2");
  assert.equal(shortenMiddle("short", 20), "short");
  assert.equal(shortenMiddle("😀".repeat(30), 5), "😀😀…😀😀");
});
