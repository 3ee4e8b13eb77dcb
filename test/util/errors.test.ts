import assert from "node:assert/strict";
import { open } from "node:fs/promises";
import { test } from "node:test";
import {
  InputError,
  InternalError,
  errorMessage,
  hasCode,
  isDiskFull,
} from "../../src/util/errors.ts";

const coded = (code: string, cause?: unknown): Error =>
  Object.assign(new Error(code, { cause }), { code });

test("an error of Node's is told by its code", async () => {
  const error: unknown = await open("/no/such/file").catch((one: unknown) => one);
  assert.ok(hasCode(error, "ENOENT"));
  assert.ok(!hasCode(error, "EEXIST"));
  for (const other of [new Error("ENOENT"), { code: "ENOENT" }, "ENOENT", undefined, null]) {
    assert.ok(!hasCode(other, "ENOENT"));
  }
});

test("a full disk is told through whatever wraps it", () => {
  for (const code of ["ENOSPC", "EDQUOT"]) {
    assert.ok(isDiskFull(coded(code)));
    assert.ok(isDiskFull(new InputError("a", { cause: new Error("b", { cause: coded(code) }) })));
  }
  for (const other of [
    coded("EACCES"),
    new Error("ENOSPC"),
    { code: "ENOSPC" },
    "ENOSPC",
    undefined,
  ]) {
    assert.ok(!isDiskFull(other));
  }
  assert.ok(!isDiskFull(coded("EIO", "ENOSPC")));
});

test("a message is told of whatever was thrown", () => {
  assert.equal(errorMessage(new InputError("a: b")), "a: b");
  assert.equal(errorMessage("text"), "text");
  assert.equal(errorMessage(undefined), "undefined");
});

test("a bug says that it is one, and a wrong input does not", () => {
  const cause = new Error("x");
  const bug = new InternalError("no weight w", { cause });
  assert.deepEqual(
    [bug.name, bug.message, bug.cause],
    ["InternalError", "internal: no weight w", cause],
  );
  const input = new InputError("a: b");
  assert.deepEqual([String(input), input instanceof InternalError], ["InputError: a: b", false]);
});
