import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { HeaderCursor, PastTheEnd } from "../../src/gguf/header-cursor.ts";
import { InputError } from "../../src/util/errors.ts";

/** The numbers of ggml's `gguf_type`, and a value of each as the format's owner lays it out. */
const U32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
const U64 = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
};
const text = (value: string): Buffer =>
  Buffer.concat([U64(BigInt(Buffer.byteLength(value))), Buffer.from(value)]);
const array = (type: number, ...items: Buffer[]): Buffer =>
  Buffer.concat([U32(type), U64(BigInt(items.length)), ...items]);

const cursorOf = (...parts: Buffer[]): HeaderCursor =>
  new HeaderCursor(Buffer.concat(parts), "m.gguf");
const valueOf = (type: number, bytes: Buffer) => cursorOf(U32(type), bytes).value("a.key");

suite("a value of a GGUF header", () => {
  const hex = (digits: string): Buffer => Buffer.from(digits, "hex");
  const scalars: [string, number, Buffer, number | boolean | string][] = [
    ["uint8", 0, hex("ff"), 255],
    ["int8", 1, hex("ff"), -1],
    ["uint16", 2, hex("feff"), 65534],
    ["int16", 3, hex("feff"), -2],
    ["uint32", 4, hex("ffffffff"), 4294967295],
    ["int32", 5, hex("fdffffff"), -3],
    // 1.5 = 0x3fc00000 in IEEE 754
    ["float32", 6, hex("0000c03f"), 1.5],
    ["bool false", 7, hex("00"), false],
    ["bool true", 7, hex("01"), true],
    ["string", 8, text("Größe ▁"), "Größe ▁"],
    ["uint64", 10, hex("0000000001000000"), 2 ** 32],
    ["int64", 11, hex("ffffffffffffffff"), -1],
    // -0.1 = 0xbfb999999999999a
    ["float64", 12, hex("9a9999999999b9bf"), -0.1],
  ];
  for (const [name, type, bytes, expected] of scalars) {
    test(`of ${name} (type ${type}) is read, and no byte behind it`, () => {
      const cursor = cursorOf(U32(type), bytes, hex("ee"));
      assert.equal(cursor.value("a.key"), expected);
      assert.equal(cursor.offset, 4 + bytes.length);
    });
  }

  test("of the types that the format does not have is refused with its key", () => {
    for (const type of [13, 99, 2 ** 32 - 1]) {
      assert.throws(() => valueOf(type, Buffer.alloc(8)), {
        name: "InputError",
        message: `m.gguf: metadata a.key has the unknown type ${type}`,
      });
    }
  });

  test("of an array has its elements, texts of several bytes among them", () => {
    assert.deepEqual(valueOf(9, array(8, text("▁a"), text(""), text("b c"))), ["▁a", "", "b c"]);
    assert.deepEqual(valueOf(9, array(5, U32(2 ** 32 - 1), U32(7))), [-1, 7]);
    assert.deepEqual(valueOf(9, array(4)), []);
  });

  test("of arrays within arrays is read four deep, and refused beyond: a file can't exhaust the stack", () => {
    let nested = array(0, Buffer.of(5));
    let expected: unknown = [5];
    for (let depth = 1; depth < 4; depth++) {
      nested = array(9, nested);
      expected = [expected];
    }
    assert.deepEqual(valueOf(9, nested), expected);
    assert.throws(
      () => valueOf(9, array(9, nested)),
      /m\.gguf: metadata a\.key has the unknown type 9/,
    );
  });

  test("that claims more than any file has is refused before it is read", () => {
    const longArray = Buffer.concat([U32(0), U64(2n ** 24n + 1n)]);
    assert.throws(() => valueOf(9, longArray), {
      name: "InputError",
      message:
        "m.gguf: a.key: array length 16777217 is above 16777216; the file is broken or not GGUF",
    });
    for (const length of [2n ** 31n + 1n, 2n ** 64n - 1n]) {
      assert.throws(
        () => valueOf(8, U64(length)),
        (error) => error instanceof InputError && error.message.includes(`text length ${length} `),
      );
    }
  });
});

suite("a cursor over the front of a header", () => {
  test("wants more bytes, whatever they are of, wherever the front is cut", () => {
    const value = fc.oneof(
      fc.string({ unit: "binary" }).map((each) => [8, text(each)] as const),
      fc.array(fc.string()).map((all) => [9, array(8, ...all.map(text))] as const),
      fc.nat().map((each) => [4, U32(each)] as const),
    );
    fc.assert(
      fc.property(value, ([type, bytes]) => {
        const whole = Buffer.concat([U32(type), bytes]);
        new HeaderCursor(whole, "m.gguf").value("a.key");
        for (let length = 0; length < whole.length; length++) {
          assert.throws(
            () => new HeaderCursor(whole.subarray(0, length), "m.gguf").value("a.key"),
            (error) => error instanceof PastTheEnd && error.what.startsWith("a.key"),
          );
        }
      }),
      { seed: 5, numRuns: 60 },
    );
  });

  test("takes a count up to its ceiling and no further", () => {
    assert.equal(cursorOf(U64(10n)).count("tensor count", 10), 10);
    assert.throws(
      () => cursorOf(U64(11n)).count("tensor count", 10),
      /^InputError: m\.gguf: tensor count 11 is above 10; /,
    );
  });

  test("stays where it is when there is not enough", () => {
    const cursor = cursorOf(Buffer.alloc(6));
    cursor.uint32("version");
    assert.throws(() => cursor.uint32("version"), PastTheEnd);
    assert.equal(cursor.offset, 4);
    assert.equal(cursor.bytes(2, "rest").length, 2);
  });
});
