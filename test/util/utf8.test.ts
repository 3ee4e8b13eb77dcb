import assert from "node:assert/strict";
import { test } from "node:test";
import { InputError } from "../../src/util/errors.ts";
import { decodeUtf8 } from "../../src/util/utf8.ts";

function refuses(bytes: readonly number[] | Buffer, message: RegExp, firstLine?: number): void {
  assert.throws(
    () => decodeUtf8(Uint8Array.from(bytes), "a.txt", firstLine),
    (error) => {
      assert.ok(error instanceof InputError);
      assert.match(error.message, message);
      return true;
    },
  );
}

test("text comes without its byte order mark, every character as it is", () => {
  assert.equal(decodeUtf8(Buffer.from("\uFEFFé 𝒳\n\uFEFF"), "a.txt"), "é 𝒳\n\uFEFF");
  assert.equal(decodeUtf8(new Uint8Array(), "a.txt"), "");
});

test("the first byte that is not UTF-8 is named by line and place in it", () => {
  const start = [...Buffer.from("é\nab")];
  refuses([...start, 0xff, 0x0a, 0xff], /^a\.txt:2: byte 3 of the line, 0xFF, is not UTF-8; save/);
  refuses([...start, 0xff], /^a\.txt:12: byte 3 /, 11);
  // A surrogate, a longer form than needed, a character that ends too early, and one that never began.
  for (const bytes of [
    [0xed, 0xa0, 0x80],
    [0xc0, 0x80],
    [0xe2, 0x82],
    [0x80],
    [0xf4, 0x90, 0x80, 0x80],
  ]) {
    refuses(
      [0x61, ...bytes],
      new RegExp(`^a\\.txt:1: byte 2 of the line, 0x${bytes[0]?.toString(16)}`, "i"),
    );
  }
  // The line's end is not part of a character that it cuts off.
  refuses([0xe2, 0x82, 0x0a, 0xac], /^a\.txt:1: byte 1 of the line, 0xE2/);
});

test("UTF-16 is called by its name", () => {
  refuses(Buffer.from("\uFEFFa", "utf16le"), /^a\.txt is UTF-16 text; save it as UTF-8$/);
  refuses(Buffer.from("\uFEFFa", "utf16le").swap16(), /^a\.txt is UTF-16 text; save it as UTF-8$/);
});
