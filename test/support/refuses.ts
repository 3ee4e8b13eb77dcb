import assert from "node:assert/strict";
import { InputError } from "../../src/util/errors.ts";

/** Asserts that the work ends in an InputError of one line that says this. */
export function refuses(work: Promise<unknown>, message: RegExp): Promise<void> {
  return assert.rejects(work, (error: unknown) => {
    assert(error instanceof InputError, String(error));
    assert.match(error.message, message);
    assert(!error.message.includes("\n"), "one line");
    return true;
  });
}
