/** A weight as codes and scales in a file: numpy's, whatever the weight's rows, format and size. */
import assert from "node:assert/strict";
import path from "node:path";
import { type TestContext, suite, test } from "node:test";
import { InputError } from "../../../src/util/errors.ts";
import { type FloatDType, fromFloat32, toFloat32 } from "../../../src/tensors/dtype.ts";
import { quantiseBlocks } from "../../../src/tensors/quantise/block-codes.ts";
import {
  codesName,
  quantisedTensors,
  scalesName,
} from "../../../src/tensors/quantise/quantised-tensors.ts";
import {
  type TensorInfo,
  readSafetensorsHeader,
  readTensorBytes,
  writeSafetensors,
} from "../../../src/tensors/safetensors.ts";
import { refuses } from "../../support/refuses.ts";
import { tempDir } from "../../support/temp-dir.ts";

const GOLDEN = path.join(import.meta.dirname, "../../golden/weights/quantised.safetensors");
const BLOCK = 32;

/** The values as a weight of a file. */
async function weight(
  t: TestContext,
  values: Float32Array,
  shape: readonly number[],
  dtype: FloatDType = "F32",
): Promise<TensorInfo> {
  const file = path.join(tempDir(t), "model.safetensors");
  const data = fromFloat32(values, dtype);
  await writeSafetensors(file, [{ name: "w", dtype, shape, data }], {});
  return (await readSafetensorsHeader(file)).tensors.get("w")!;
}

async function written(t: TestContext, info: TensorInfo, type: "int8" | "int4") {
  const file = path.join(tempDir(t), "quantised.safetensors");
  await writeSafetensors(file, quantisedTensors(info, type), {});
  const { tensors } = await readSafetensorsHeader(file);
  const [codes, scales] = [tensors.get(codesName("w"))!, tensors.get(scalesName("w"))!];
  return { codes, scales, bytes: [await readTensorBytes(codes), await readTensorBytes(scales)] };
}

const smooth = (length: number): Float32Array =>
  Float32Array.from({ length }, (_, i) => Math.sin(i * 12.9898) / (1 + (i % 7)));

/** More than a piece of 4 MB, which rows of 96 do not divide. */
const LARGE = smooth(11_000 * 96);

for (const type of ["int8", "int4"] as const) {
  suite(type, () => {
    for (const blocksOfRow of [1, 2, 5]) {
      test(`rows of ${blocksOfRow} blocks: numpy's codes and scales, bit for bit`, async (t) => {
        const { tensors } = await readSafetensorsHeader(GOLDEN);
        const values = tensors.get("values")!;
        const columns = blocksOfRow * BLOCK;
        const rows = Math.floor(values.byteLength / 4 / columns);
        const blocks = rows * blocksOfRow;
        const info = {
          ...values,
          name: "w",
          shape: [rows, columns],
          byteLength: 4 * rows * columns,
        };
        const { codes, scales, bytes } = await written(t, info, type);
        const [half, stored] = type === "int8" ? ["I8", columns] : ["U8", columns / 2];
        assert.deepEqual([codes.dtype, codes.shape], [half, [rows, stored]]);
        assert.deepEqual([scales.dtype, scales.shape], ["F16", [blocks]]);
        const golden = await Promise.all(
          ["codes", "scales"].map((part) => readTensorBytes(tensors.get(`${type}.${part}`)!)),
        );
        const lengths = [rows * stored, 2 * blocks];
        assert.deepEqual(
          bytes,
          golden.map((all, i) => all.slice(0, lengths[i])),
        );
      });
    }

    for (const [dtype, rows] of [
      ["F32", 11_000],
      ["F16", 301],
      ["BF16", 301],
    ] as const) {
      test(`${rows} rows of ${dtype} are what their values are, taken whole`, async (t) => {
        const values = LARGE.subarray(0, rows * 96);
        const { bytes } = await written(t, await weight(t, values, [rows, 96], dtype), type);
        const stored = toFloat32(fromFloat32(values, dtype), dtype);
        const { codes, scales } = quantiseBlocks(stored, type);
        assert.equal(Buffer.compare(bytes[0]!, codes), 0);
        assert.equal(Buffer.compare(bytes[1]!, scales), 0);
      });
    }

    test("written again it is the same", async (t) => {
      const parts = quantisedTensors(await weight(t, smooth(640), [10, 64]), type);
      const files: Uint8Array[][] = [];
      for (const name of ["one", "two"]) {
        const file = path.join(tempDir(t), name);
        await writeSafetensors(file, parts, {});
        const infos = [...(await readSafetensorsHeader(file)).tensors.values()];
        files.push(await Promise.all(infos.map(readTensorBytes)));
      }
      assert.deepEqual(files[0], files[1]);
    });
  });
}

suite("what can't be quantised", () => {
  for (const shape of [[2, 48], [3, 32, 32], [64]]) {
    test(`[${shape.join(", ")}] has no rows of whole blocks`, () => {
      const place = { file: "/m/model.safetensors", byteOffset: 0, byteLength: 0 };
      const info: TensorInfo = { name: "w", dtype: "F32", shape, ...place };
      assert.throws(
        () => quantisedTensors(info, "int8"),
        (error: unknown) => {
          assert.ok(error instanceof InputError);
          assert.match(
            error.message,
            /^\/m\/model\.safetensors: tensor w \[[\d, ]+\] has rows of \d+ values, which are not whole blocks of 32; train it with "quantization": "none"$/u,
          );
          return true;
        },
      );
    });
  }

  for (const [bad, shown] of [
    [Number.NaN, "NaN"],
    [-Infinity, "-Infinity"],
    // 3e38 / 127 is beyond float16; float32 has it as 3.0000000549…e38.
    [-3e38, "3.0000000\\d+e\\+38|3e\\+38"],
  ] as const) {
    test(`${bad} is named with its row, in a later piece too`, async (t) => {
      for (const [row, rows] of [
        [0, 5],
        [3, 5],
        ...(Number.isNaN(bad) ? [[10_999, 11_000] as const] : []),
      ] as const) {
        const values = LARGE.slice(0, rows * 96);
        values[row * 96 + 95] = bad;
        const info = await weight(t, values, [rows, 96]);
        const message = new RegExp(
          `^${info.file}: tensor w has (?:${shown}) in row ${row}, which can't be quantised; `,
          "u",
        );
        await refuses(written(t, info, "int8"), message);
      }
    });
  }

  test("scales are not known before their codes are made: to ask is a fault of ours", async (t) => {
    const [, scales] = quantisedTensors(await weight(t, smooth(64), [2, 32]), "int4");
    const { data } = scales;
    assert.ok(typeof data === "function");
    assert.throws(() => void data(), /^InternalError: internal: scales of w before its codes$/u);
  });
});
