import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, suite, test } from "node:test";
import fc from "fast-check";
import { DTYPE_BYTES, type DType } from "../../src/tensors/dtype.ts";
import {
  readSafetensorsHeader,
  readTensorBytes,
  readTensorChunks,
  writeSafetensors,
} from "../../src/tensors/safetensors.ts";
import { safetensorsBytes } from "./bytes.ts";
import { refuses } from "../support/refuses.ts";

let dir: string;
before(async () => {
  dir = await mkdtemp(path.join(tmpdir(), "retune-safetensors-"));
});
after(() => rm(dir, { recursive: true }));

async function header(bytes: Uint8Array) {
  const file = path.join(dir, "case.safetensors");
  await writeFile(file, bytes);
  return readSafetensorsHeader(file);
}

const entry = (start: number, end: number, dtype = "F32", shape: unknown[] = [1]) => ({
  dtype,
  shape,
  data_offsets: [start, end],
});
const bytes = (length: number) => new Uint8Array(length);

suite("a broken safetensors file", () => {
  const cases: [string, Uint8Array, RegExp][] = [
    ["empty", bytes(0), /0 bytes is too short/],
    ["shorter than its length field", bytes(7), /7 bytes is too short/],
    [
      "with a header that ends behind the file",
      Buffer.concat([Buffer.from([9, 0, 0, 0, 0, 0, 0, 0]), Buffer.from("{}")]),
      /header claims 9 bytes of a file of 10/,
    ],
    ["with a header length beyond every file", Buffer.alloc(16, 0xff), /truncated or not safe/],
    ["with a header that is not JSON", safetensorsBytes("{\n\n x"), /header:3:2: not valid JSON: /],
    ["with a list for a header", safetensorsBytes([]), /the header holds \[\], expected an object/],
    ...["1e0", "1.0", "-0", "1E0", "1.5", "18446744073709551616", "NaN"].map(
      (shape): [string, Uint8Array, RegExp] => [
        `with the count ${shape}`,
        safetensorsBytes(`{"a":{"dtype":"F32","shape":[${shape}],"data_offsets":[0,4]}}`, bytes(4)),
        new RegExp(
          `tensor a: shape\\.0: expected a whole number from 0, found ${shape.slice(0, 12)}`,
        ),
      ],
    ),
    [
      "with a byte order mark in its header",
      safetensorsBytes(`\uFEFF{"a":${JSON.stringify(entry(0, 4))}}`, bytes(4)),
      /the header begins with a byte order mark/,
    ],
    [
      "with a number in its metadata",
      safetensorsBytes('{"__metadata__":{"step":1.5}}'),
      /__metadata__ must map text to text/,
    ],
    [
      "with a header nested 6,000 deep",
      safetensorsBytes(`{"a":${"[".repeat(6000)}`),
      /the header:1:\d+: not valid JSON: nested deeper than 128 levels/,
    ],
    [
      "with an empty tensor larger than any file",
      safetensorsBytes({ a: entry(0, 0, "F32", [0, 2 ** 52]) }),
      /tensor a \[0, 4503599627370496\] is larger than any file/,
    ],
    ["cut in its data", safetensorsBytes({ a: entry(0, 4) }, bytes(3)), /truncated/],
    ["longer than its header says", safetensorsBytes({ a: entry(0, 4) }, bytes(5)), /the file has/],
    [
      "with overlapping tensors",
      safetensorsBytes({ a: entry(0, 4), b: entry(0, 4) }, bytes(8)),
      /tensor b starts at byte 0 of the data, expected 4: tensors overlap/,
    ],
    [
      "with a gap",
      safetensorsBytes({ a: entry(0, 4), b: entry(8, 12) }, bytes(12)),
      /tensor b starts at byte 8 of the data, expected 4/,
    ],
    [
      "with a name that comes twice",
      safetensorsBytes(
        `{"a":${JSON.stringify(entry(0, 4))},"a":${JSON.stringify(entry(4, 8))}}`,
        bytes(8),
      ),
      /tensor a starts at byte 4/,
    ],
    ["with a negative offset", safetensorsBytes({ a: entry(-4, 0) }), /tensor a: data_offsets\.0/],
    [
      "with offsets the wrong way round",
      safetensorsBytes({ a: entry(4, 0) }, bytes(4)),
      /tensor a F32 \[1\] needs 4 bytes, its offsets give -4/,
    ],
    [
      "with a shape that its offsets do not fit",
      safetensorsBytes({ a: entry(0, 8, "F16", [2, 3]) }, bytes(8)),
      /tensor a F16 \[2, 3\] needs 12 bytes, its offsets give 8/,
    ],
    [
      "with a shape whose product overflows",
      safetensorsBytes({ a: entry(0, 8, "F32", [2 ** 52, 2 ** 52, 2 ** 52]) }, bytes(8)),
      /tensor a F32 .* needs/,
    ],
    [
      "with a number beyond 2^53",
      safetensorsBytes(`{"a":{"dtype":"F32","shape":[18446744073709551616],"data_offsets":[0,4]}}`),
      /tensor a: shape\.0/,
    ],
    ["with a fractional size", safetensorsBytes({ a: entry(0, 4, "F32", [0.5, 2]) }), /shape\.0/],
    ["with text for a shape", safetensorsBytes({ a: entry(0, 4, "F32", ["1"]) }), /shape\.0/],
    ["with a tensor of null", safetensorsBytes({ a: null }), /tensor a: /],
    [
      "with a type of less than a byte",
      safetensorsBytes({ a: entry(0, 4, "F4", [8]) }, bytes(4)),
      /tensor a has the unsupported dtype F4/,
    ],
    [
      "with a type from nowhere",
      safetensorsBytes({ a: entry(0, 4, "toString") }),
      /dtype toString/,
    ],
    [
      "with metadata that is not text",
      safetensorsBytes({ __metadata__: { step: 3 } }),
      /__metadata__ must map text to text/,
    ],
  ];
  for (const [what, content, message] of cases) {
    test(`${what} is refused in one line`, () => refuses(header(content), message));
  }

  test("that is not there, or is a folder, is refused", async () => {
    await refuses(readSafetensorsHeader(path.join(dir, "none")), /none does not exist/);
    await refuses(readSafetensorsHeader(dir), /is not a file|cannot be read/);
  });

  test("is refused wherever it is cut", async () => {
    const whole = safetensorsBytes({ a: entry(0, 8, "F32", [2]), b: entry(8, 12) }, bytes(12));
    await header(whole);
    for (let length = 0; length < whole.length; length++) {
      await refuses(header(whole.subarray(0, length)), /case\.safetensors/);
    }
  });
});

suite("an unusual safetensors file", () => {
  test("may list an empty tensor after the one that begins where it does", async () => {
    const none = { dtype: "F32", shape: [0, 3], data_offsets: [4, 4] };
    const { tensors } = await header(
      safetensorsBytes({ a: entry(0, 4), b: entry(4, 8), none }, bytes(8)),
    );
    assert.equal(tensors.get("none")?.byteLength, 0);
    assert.deepEqual(tensors.get("none")?.shape, [0, 3]);
  });

  test("may hold nothing, scalars, empty tensors and padding", async () => {
    assert.equal((await header(safetensorsBytes("{}   "))).tensors.size, 0);
    const { tensors } = await header(
      safetensorsBytes({ s: entry(0, 4, "F32", []), e: entry(4, 4, "F32", [0, 7]) }, bytes(4)),
    );
    assert.deepEqual(tensors.get("s")?.shape, []);
    assert.deepEqual(await readTensorBytes(tensors.get("e")!), bytes(0));
  });

  test("may hold types that Retune only carries along", async () => {
    const { tensors } = await header(
      safetensorsBytes({ q: entry(0, 4, "U32"), f: entry(4, 5, "F8_E4M3") }, bytes(5)),
    );
    assert.deepEqual(
      [...tensors.values()].map(({ dtype }) => dtype),
      ["U32", "F8_E4M3"],
    );
  });

  test("may use the names of object members", async () => {
    const text = `{"__proto__":${JSON.stringify(entry(0, 4))},"constructor":${JSON.stringify(entry(4, 8))}}`;
    const { tensors } = await header(safetensorsBytes(text, bytes(8)));
    assert.deepEqual([...tensors.keys()], ["__proto__", "constructor"]);
  });
});

suite("writing safetensors", () => {
  const types = Object.keys(DTYPE_BYTES) as DType[];
  const tensor = fc
    .record({
      name: fc.string({ minLength: 1, unit: "grapheme" }).filter((name) => name !== "__metadata__"),
      dtype: fc.constantFrom(...types),
      shape: fc.array(fc.nat(5), { maxLength: 4 }),
      seed: fc.nat(255),
    })
    .map(({ seed, ...rest }) => {
      const length = rest.shape.reduce((a, b) => a * b, DTYPE_BYTES[rest.dtype]);
      return { ...rest, data: new Uint8Array(length).map((_, i) => seed + i) };
    });
  const tensors = fc.uniqueArray(tensor, { selector: ({ name }) => name, maxLength: 6 });
  const metadata = fc.dictionary(fc.string({ minLength: 1 }), fc.string(), { maxKeys: 3 });

  test("reads back as it was written, whole or in pieces", async () => {
    const file = path.join(dir, "round-trip.safetensors");
    const property = fc.asyncProperty(
      tensors,
      metadata,
      fc.integer({ min: 1, max: 99 }),
      async (list, meta, size) => {
        async function* pieces(data: Uint8Array) {
          for (let i = 0; i < data.length; i += size) yield data.subarray(i, i + size);
        }
        const sources = list.map((each, i) => ({
          ...each,
          data: [each.data, async () => each.data, () => pieces(each.data)][i % 3]!,
        }));
        await writeSafetensors(file, sources, meta);
        const read = await readSafetensorsHeader(file);
        assert.deepEqual(Object.entries(read.metadata), Object.entries(meta));
        assert.equal(read.tensors.size, list.length);
        for (const { name, dtype, shape, data } of list) {
          const info = read.tensors.get(name)!;
          assert.deepEqual([info.dtype, info.shape], [dtype, shape]);
          assert.deepEqual(await readTensorBytes(info), data);
          const parts: Uint8Array[] = [];
          for await (const part of readTensorChunks(info, size)) parts.push(part);
          assert.deepEqual(new Uint8Array(Buffer.concat(parts)), data);
        }
        assert.equal((8 + Number((await readFile(file)).readBigUInt64LE())) % 8, 0);
      },
    );
    await fc.assert(property, { numRuns: 60 });
  });

  test("leaves the earlier file and no other when a tensor cannot be made", async () => {
    const folder = path.join(dir, "failing");
    await mkdir(folder);
    const file = path.join(folder, "model.safetensors");
    const good = { name: "a", dtype: "F32" as const, shape: [2], data: bytes(8) };
    await writeSafetensors(file, [good]);
    const before = await readFile(file);
    const failing = { ...good, name: "b", data: () => Promise.reject(new Error("source gone")) };
    await assert.rejects(writeSafetensors(file, [good, failing]), /source gone/);
    await assert.rejects(
      writeSafetensors(file, [{ ...good, data: bytes(7) }]),
      /internal: tensor a came with 7 bytes, not 8/,
    );
    assert.deepEqual(await readdir(folder), ["model.safetensors"]);
    assert.deepEqual(await readFile(file), before);
  });
});
