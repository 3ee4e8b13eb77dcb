import assert from "node:assert/strict";
import { access, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, suite, test } from "node:test";
import { zipSync } from "fflate";
import { toFloat32 } from "../../../src/tensors/dtype.ts";
import { type TorchTensor, readTorchFile } from "../../../src/adapter-files/reft/torch-pickle.ts";
import { torchFileBytes } from "../../../src/adapter-files/reft/torch-write.ts";
import { refuses } from "../../support/refuses.ts";

const golden = path.join(import.meta.dirname, "../../golden/reft/pickles");
let dir: string;
let count = 0;
before(async () => {
  dir = await mkdtemp(path.join(tmpdir(), "retune-torch-"));
});
after(() => rm(dir, { recursive: true }));

async function written(bytes: Uint8Array): Promise<string> {
  const file = path.join(dir, `${count++}.bin`);
  await writeFile(file, bytes);
  return file;
}

const zipped = (files: Record<string, Uint8Array>, level: 0 | 6 = 0) =>
  written(zipSync(files, { level }));

/** A file of torch.save's whose pickle is these characters, with one storage of six float32. */
const pickled = (pickle: string) =>
  zipped({ "a/data.pkl": Buffer.from(pickle, "latin1"), "a/data/0": new Uint8Array(24) });

const text = (value: string) => `X${String.fromCharCode(value.length)}\0\0\0${value}`;
const storage = (elements: number, key = "0", type = "torch\nFloatStorage") =>
  `(${text("storage")}c${type}\n${text(key)}${text("cpu")}K${String.fromCharCode(elements)}tQ`;
const tuple = (values: number[]) =>
  `(${values.map((value) => `K${String.fromCharCode(value)}`).join("")}t`;
const tensor = (offset: number, shape: number[], strides: number[], from = storage(6)) =>
  `ctorch._utils\n_rebuild_tensor_v2\n(${from}K${String.fromCharCode(offset)}${tuple(shape)}${tuple(strides)}\u0089}tR`;
const dict = (value: string) => `\u0080\u0002}(${text("w")}${value}u.`;

function numbers(tensors: ReadonlyMap<string, TorchTensor>, name: string): number[] {
  const { bytes, dtype } = tensors.get(name)!;
  return [...toFloat32(bytes, dtype)];
}

suite("a state dict of torch.save's", () => {
  test("is read in every type, whatever the strides", async () => {
    const tensors = await readTorchFile(path.join(golden, "kinds.bin"));
    const shapes = [...tensors].map(([name, { dtype, shape }]) => [name, dtype, ...shape]);
    assert.deepEqual(shapes, [
      ["plain", "F32", 2, 3],
      ["transposed", "F32", 3, 2],
      ["column", "F32", 2],
      ["half", "F16", 2, 3],
      ["bfloat16", "BF16", 2, 3],
      ["double", "F64", 2, 3],
      ["whole", "I64"],
      ["int", "I32", 2, 3],
      ["parameter", "F32", 2, 3],
      ["empty", "F32", 0, 3],
    ]);
    assert.deepEqual(numbers(tensors, "plain"), [0, 1, 2, 3, 4, 5]);
    assert.deepEqual(numbers(tensors, "transposed"), [0, 3, 1, 4, 2, 5]);
    assert.deepEqual(numbers(tensors, "column"), [1, 4]);
    assert.deepEqual(numbers(tensors, "parameter"), [0, 2, 4, 6, 8, 10]);
    assert.deepEqual(numbers(tensors, "double"), [
      ...Float32Array.of(0, 1 / 3, 2 / 3, 1, 4 / 3, 5 / 3),
    ]);
    assert.equal(numbers(tensors, "half")[1], 0.333251953125);
    assert.equal(numbers(tensors, "bfloat16")[1], 0.333984375);
    const whole = tensors.get("whole")!.bytes;
    assert.equal(new DataView(whole.buffer, whole.byteOffset).getBigInt64(0, true), 4096n);
  });

  test("is read with the metadata that a module's has", async () => {
    const tensors = await readTorchFile(path.join(golden, "module.bin"));
    assert.deepEqual([...tensors.keys()], ["weight", "bias"]);
  });
});

suite("a pickle that would run code", () => {
  for (const name of ["evil.bin", "evil-protocol-4.bin"]) {
    test(`is refused by the global it asks for, and nothing is run: ${name}`, async () => {
      const file = path.join(golden, name);
      await refuses(
        readTorchFile(file),
        /evil\S*\.bin: its pickle asks for "posix\.system".*nothing was run/,
      );
      for (const folder of [".", golden, dir]) {
        await assert.rejects(access(path.join(folder, "PWNED")), /ENOENT/);
      }
    });
  }

  test("is refused whatever it calls, and however", async () => {
    const cases: [string, RegExp][] = [
      ["c__builtin__\neval\n(X\x01\0\0\x001tR.", /asks for "__builtin__\.eval"/],
      ["ctorch\nload\n.", /asks for "torch\.load"/],
      ["ctorch._utils\n_rebuild_tensor_v2.x\n.", /asks for "torch\._utils\._rebuild_tensor_v2\.x"/],
      ["(X\x01\0\0\x001ios\nsystem\n.", /opcode 0x69 at byte 7/],
      ["(cos\nsystem\no.", /asks for "os\.system"/],
      ["}(X\x01\0\0\0aNu)\x81.", /opcode 0x81/],
      ["\u0082\x01.", /opcode 0x82/],
      ["ctorch\nFloatStorage\n)R.", /calls torch\.FloatStorage in a way/],
      ["ccollections\nOrderedDict\n(]tR.", /calls collections\.OrderedDict in a way/],
      ["}N)R.", /a call of what is no function/],
    ];
    for (const [pickle, message] of cases) {
      await refuses(readTorchFile(await pickled(pickle)), message);
    }
  });
});

suite("a file that is no state dict", () => {
  const cases: Record<string, RegExp> = {
    "legacy.bin": /outside of a zip file, as PyTorch wrote before 1\.6.*torch\.save it again/,
    "expanded.bin": /\[4, 2, 3\] with strides \[0, 3, 1\].*storage of 6 numbers.*contiguous/,
    "nested.bin": /: a is a dict, expected a tensor/,
    "list.bin": /holds a list, expected a state dict/,
    "complex.bin": /asks for "torch\.ComplexFloatStorage"/,
    "missing.bin": /missing\.bin does not exist/,
  };
  for (const [name, message] of Object.entries(cases)) {
    test(`is refused: ${name}`, () => refuses(readTorchFile(path.join(golden, name)), message));
  }

  test("is refused when it is no zip file, or no whole one", async () => {
    const whole = await readFile(path.join(golden, "kinds.bin"));
    await refuses(readTorchFile(await written(Buffer.from("text"))), /does not begin as a zip/);
    await refuses(readTorchFile(await written(new Uint8Array())), /does not begin as a zip/);
    for (const length of [4, 100, whole.length - 30]) {
      await refuses(readTorchFile(await written(whole.subarray(0, length))), /not a whole zip/);
    }
    await refuses(readTorchFile(await zipped({ other: new Uint8Array(3) })), /without data\.pkl/);
    const compressed = await zipped({ "a/data.pkl": Buffer.from("}.") }, 6);
    await refuses(readTorchFile(compressed), /a\/data\.pkl is compressed/);
    await refuses(readTorchFile(dir), /cannot be read/);
    const big = { "a/data.pkl": Buffer.from("}."), "a/byteorder": Buffer.from("big") };
    await refuses(readTorchFile(await zipped(big)), /byteorder is not "little"/);
  });

  test("is refused when entries of the zip share their bytes", async () => {
    const bytes = Buffer.from(
      zipSync({ "a/data.pkl": Buffer.from("}."), "a/data/0": new Uint8Array(99) }, { level: 0 }),
    );
    const directory = bytes.indexOf("PK\u0001\u0002");
    const second = bytes.indexOf("PK\u0001\u0002", directory + 1);
    const end = bytes.indexOf("PK\u0005\u0006");
    const repeated = Array.from({ length: 9 }, () => bytes.subarray(second, end));
    bytes.writeUInt16LE(11, end + 10);
    bytes.writeUInt16LE(11, end + 8);
    const bomb = Buffer.concat([bytes.subarray(0, end), ...repeated, bytes.subarray(end)]);
    await refuses(readTorchFile(await written(bomb)), /lists more than the file can hold/);
  });

  test("is refused when its pickle is broken", async () => {
    const cases: [string, RegExp][] = [
      ["", /broken at byte 0: 1 bytes wanted, 0 left/],
      ["}", /broken at byte 1: 1 bytes wanted, 0 left/],
      [".", /broken at byte 1: the stack is empty/],
      ["X\xff\xff\xff\xffa", /4294967295 bytes wanted/],
      ["Nu.", /no mark/],
      ["N(NNu.", /set in what is no dict/],
      ["NNa.", /appended to what is no list/],
      ["NNb.", /attributes are set on what is no dict/],
      ["h\x05.", /nothing is kept under 5/],
      ["cos", /a line has no end/],
      ["\u008a\u0009\xff\xff\xff\xff\xff\xff\xff\xff\x7f.", /too large a number/],
      ["NQ.", /refers to something that is no storage/],
      ["}(K\x01Nu.", /a key is 1, expected a name/],
      [`}(${text("a\nb")}Nu.`, /: a\\nb is null, expected a tensor/],
      [dict(storage(6)), /: w is a storage, expected a tensor/],
    ];
    for (const [pickle, message] of cases) {
      await refuses(readTorchFile(await pickled(pickle)), message);
    }
  });

  test("is refused when a tensor is more than its storage", async () => {
    const read = (value: string) => pickled(dict(value)).then(readTorchFile);
    assert.deepEqual((await read(tensor(0, [2, 3], [3, 1]))).get("w")?.shape, [2, 3]);
    assert.equal((await read(tensor(1, [2], [4]))).get("w")?.bytes.length, 8);
    await refuses(read(tensor(1, [2, 3], [3, 1])), /from 1 is more than its storage of 6 numbers/);
    await refuses(read(tensor(0, [2], [6])), /is more than its storage/);
    await refuses(read(tensor(0, [200, 200, 200], [0, 0, 0])), /is more than its storage/);
    await refuses(read(tensor(0, [2, 3], [3])), /shape or strides are not/);
    await refuses(read(tensor(0, [2], [1], "N")), /storage, shape or strides are not/);
    await refuses(read(tensor(0, [2], [1], storage(7))), /data\/0 has 24 bytes, expected 7 of F32/);
    await refuses(read(tensor(0, [2], [1], storage(6, "1"))), /data\/1 has no bytes/);
  });
});

suite("a written state dict", () => {
  test("reads back as it was, and is the same file each time", async () => {
    const tensors = new Map<string, TorchTensor>([
      [
        "rotate_layer",
        {
          dtype: "F32",
          shape: [3, 2],
          bytes: new Uint8Array(Float32Array.of(1, 2, 3, 4, 5, 6).buffer),
        },
      ],
      ["größe", { dtype: "BF16", shape: [1], bytes: Uint8Array.of(1, 2) }],
      [
        "embed_dim",
        { dtype: "I64", shape: [], bytes: new Uint8Array(BigInt64Array.of(8n).buffer) },
      ],
      ["none", { dtype: "F64", shape: [0, 4], bytes: new Uint8Array() }],
    ]);
    const bytes = torchFileBytes(tensors);
    const read = await readTorchFile(await written(bytes));
    assert.deepEqual([...read.keys()], [...tensors.keys()]);
    for (const [name, { dtype, shape, bytes: values }] of tensors) {
      const found = read.get(name);
      assert.deepEqual([found?.dtype, found?.shape], [dtype, shape]);
      assert.deepEqual(Buffer.from(found!.bytes), Buffer.from(values));
    }
    assert.deepEqual(torchFileBytes(tensors), bytes);
  });

  test("is not made of bytes that do not fit", () => {
    const made = (tensor: TorchTensor) => () => torchFileBytes(new Map([["w", tensor]]));
    assert.throws(
      made({ dtype: "F32", shape: [2], bytes: new Uint8Array(4) }),
      /internal: 4 bytes/,
    );
    assert.throws(made({ dtype: "U16", shape: [2], bytes: new Uint8Array(4) }), /internal: .*U16/);
  });
});
