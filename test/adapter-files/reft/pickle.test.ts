import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { isPickleGlobal, readPickle, shownName } from "../../../src/adapter-files/reft/pickle.ts";
import { InputError } from "../../../src/util/errors.ts";

const ORDERED_DICT = "collections.OrderedDict";

function read(hex: string, allowed: readonly string[] = [ORDERED_DICT]): unknown {
  return readPickle(Buffer.from(hex.replaceAll(" ", ""), "hex"), {
    file: "a.bin",
    allowed: new Set(allowed),
    call: (global, args) => (global === ORDERED_DICT ? new Map() : { global, args }),
    loadPersistent: (id) => ({ kept: id }),
  });
}

const broken = (what: RegExp) => (error: unknown) =>
  error instanceof InputError && what.test(error.message) && error.message.startsWith("a.bin: ");

/** `pickle.dumps(value, protocol=p).hex()` of CPython 3, by protocol. */
const PLAIN: Readonly<Record<number, string>> = {
  2: "80027d71002858010000006171015d7102284b014afeffffff4d2c014a701101008a05000efad5fe655801000000627103284e8889473ff80000000000007471045802000000c3a971055802000000c3bc7106752e",
  3: "80037d71002858010000006171015d7102284b014afeffffff4d2c014a701101008a05000efad5fe655801000000627103284e8889473ff80000000000007471045802000000c3a971055802000000c3bc7106752e",
  4: "80049540000000000000007d94288c0161945d94284b014afeffffff4d2c014a701101008a05000efad5fe658c016294284e8889473ff800000000000074948c02c3a9948c02c3bc94752e",
};
const ORDERED: Readonly<Record<number, string>> = {
  2: "800263636f6c6c656374696f6e730a4f726465726564446963740a7100295271015801000000777102284b014b024b034b04747103732e",
  4: "80049532000000000000008c0b636f6c6c656374696f6e73948c0b4f726465726564446963749493942952948c017794284b014b024b034b047494732e",
};

suite("a pickle that CPython wrote", () => {
  for (const [protocol, hex] of Object.entries(PLAIN)) {
    test(`holds plain values, in protocol ${protocol}`, () => {
      // {"a": [1, -2, 300, 70000, -5000000000], "b": (None, True, False, 1.5), "é": "ü"}
      const expected = new Map<string, unknown>([
        ["a", [1, -2, 300, 70_000, -5_000_000_000]],
        ["b", [null, true, false, 1.5]],
        ["é", "ü"],
      ]);
      assert.deepEqual(read(hex), expected);
    });
  }

  for (const [protocol, hex] of Object.entries(ORDERED)) {
    test(`calls only what is allowed, in protocol ${protocol}`, () => {
      // collections.OrderedDict([("w", (1, 2, 3, 4))])
      assert.deepEqual(read(hex), new Map([["w", [1, 2, 3, 4]]]));
      assert.throws(
        () => read(hex, []),
        broken(/asks for "collections\.OrderedDict", which could run code.*nothing was run/),
      );
    });
  }

  test("gives one object where Python had one", () => {
    // shared = [1]; [shared, shared]
    const found = read("80025d7100285d71014b01616801652e");
    assert.deepEqual(found, [[1], [1]]);
    assert(Array.isArray(found));
    assert.equal(found[0], found[1]);
  });

  test("is refused for Python's own functions, under both their names", () => {
    for (const hex of [
      "8002635f5f6275696c74696e5f5f0a7072696e740a71002e",
      "80049516000000000000008c086275696c74696e73948c057072696e749493942e",
    ]) {
      assert.throws(() => read(hex), broken(/its pickle asks for "(__builtin__|builtins)\.print"/));
    }
  });

  test("cut anywhere is broken, at the byte where it ends", () => {
    for (const whole of [...Object.values(PLAIN), ...Object.values(ORDERED)]) {
      for (let length = 0; length < whole.length; length += 2) {
        assert.throws(
          () => read(whole.slice(0, length)),
          broken(/its pickle is broken at byte \d+/),
        );
      }
    }
  });
});

suite("an opcode of a pickle", () => {
  test("reads LONG1 in two's complement, from no byte to what a number holds exactly", () => {
    // pickletools: "long1: a variable-length little-endian 2's complement"
    assert.equal(read("8a00 2e"), 0);
    assert.equal(read("8a01ff 2e"), -1);
    assert.equal(read("8a02ff00 2e"), 255);
    assert.equal(read("8a0200ff 2e"), -256);
    assert.equal(read("8a07ffffffffffff1f 2e"), Number.MAX_SAFE_INTEGER);
    assert.throws(() => read("8a0700000000000020 2e"), broken(/9007199254740992 is too large/));
  });

  test("gives what is kept elsewhere by its id, and throws away what is popped", () => {
    assert.deepEqual(read("580100000061 51 2e"), { kept: "a" });
    assert.equal(read("4b01 4b02 30 2e"), 1);
  });

  test("builds tuples of one to three, or up to a mark", () => {
    assert.deepEqual(read("4b01 85 2e"), [1]);
    assert.deepEqual(read("4b01 4b02 86 2e"), [1, 2]);
    assert.deepEqual(read("4b01 4b02 4b03 87 2e"), [1, 2, 3]);
    assert.deepEqual(read("28 4b01 28 4b02 74 74 2e"), [1, [2]]);
    assert.deepEqual(read("29 2e"), []);
  });

  test("keeps under numbers of one byte, four or its own count", () => {
    assert.deepEqual(read("4b07 7105 30 6805 2e"), 7);
    assert.deepEqual(read("4b07 7200010000 30 6a00010000 2e"), 7);
    assert.deepEqual(read("4b07 94 4b08 94 30 30 6801 2e"), 8);
  });

  const faults: [string, string, RegExp][] = [
    ["that no state dict needs (INST)", "69", /opcode 0x69 at byte 0, which no state dict/],
    ["of protocol 0 (INT)", "4930310a2e", /opcode 0x49 at byte 0/],
    ["behind others", "4b01 c3 2e", /opcode 0xc3 at byte 2/],
    ["that needs a value of an empty stack", "2e", /broken at byte 1: the stack is empty/],
    ["that takes a mark for a value", "28 2e", /the stack is empty/],
    ["that needs a mark", "4b01 74 2e", /no mark on the stack/],
    ["that sets an item of a list", "5d 4b01 4b02 73 2e", /an item is set in what is no dict/],
    ["that appends to a dict", "7d 4b01 61 2e", /appended to what is no list/],
    ["that calls a number", "4b01 29 52 2e", /a call of what is no function/],
    ["that sets attributes of a text", "580100000061 7d 62 2e", /attributes are set on what is no/],
    ["that asks for what is not kept", "6809 2e", /nothing is kept under 9/],
    ["whose text is longer than the file", "58ffffffff61 2e", /4294967295 bytes wanted, 2 left/],
    ["whose module has no end", "63 6f73", /a line has no end/],
  ];
  for (const [what, hex, message] of faults) {
    test(`${what} is refused`, () => assert.throws(() => read(hex), broken(message)));
  }

  test("of any bytes is read or refused, never more", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const hex = `${Buffer.from(bytes).toString("hex")}2e`;
        try {
          read(hex);
        } catch (error) {
          assert(error instanceof InputError, hex);
        }
      }),
      { seed: 13, numRuns: 2000 },
    );
  });
});

suite("a name out of a pickle", () => {
  test("is shown in one line of at most a hundred characters", () => {
    assert.equal(shownName("os.system"), "os.system");
    assert.equal(shownName('a\n"b"'), String.raw`a\n\"b\"`);
    assert.equal(shownName("x".repeat(500)).length, 100);
  });

  test("is recognised as a global, and no map or text is", () => {
    assert(isPickleGlobal({ global: "os.system" }));
    for (const value of [new Map(), "global", null, undefined, []]) assert(!isPickleGlobal(value));
  });
});
