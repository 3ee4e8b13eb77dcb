import assert from "node:assert/strict";
import path from "node:path";
import { suite, test } from "node:test";
import fc from "fast-check";
import { InternalError } from "../../src/util/errors.ts";
import { fromFloat32, toFloat32 } from "../../src/tensors/dtype.ts";
import {
  readSafetensorsHeader,
  readTensor,
  readTensorBytes,
} from "../../src/tensors/safetensors.ts";

const golden = path.join(import.meta.dirname, "../golden/weights/casts.safetensors");
const words = (bytes: Uint8Array) =>
  new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);

/** NaN has many patterns; which one is no matter. */
function isNaNPattern(word: number, dtype: "F16" | "BF16"): boolean {
  return (word & 0x7fff) > (dtype === "F16" ? 0x7c00 : 0x7f80);
}

suite("16-bit types against PyTorch", async () => {
  const { tensors } = await readSafetensorsHeader(golden);
  const wide = await readTensor(tensors.get("f32")!);

  for (const dtype of ["F16", "BF16"] as const) {
    const narrow = tensors.get(dtype.toLowerCase())!;

    test(`${dtype} rounds to nearest, ties to even, overflows to infinity`, async () => {
      const expected = words(await readTensorBytes(narrow));
      const actual = words(fromFloat32(wide, dtype));
      assert(wide.length > 5000);
      expected.forEach((word, i) => {
        if (isNaNPattern(word, dtype)) assert(isNaNPattern(actual[i]!, dtype), `NaN at ${i}`);
        else assert.equal(actual[i], word, `${wide[i]} at ${i}`);
      });
    });

    test(`${dtype} widens every pattern without loss`, () => {
      const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
      const back = words(fromFloat32(toFloat32(new Uint8Array(all.buffer), dtype), dtype));
      all.forEach((word, i) => {
        if (isNaNPattern(word, dtype)) assert(isNaNPattern(back[i]!, dtype));
        else assert.equal(back[i], word);
      });
    });
  }
});

test("float32 survives float64 and itself bit for bit, at any alignment", () => {
  fc.assert(
    fc.property(
      fc.float32Array(),
      fc.constantFrom("F32", "F64"),
      fc.nat(7),
      (values, dtype, shift) => {
        const bytes = fromFloat32(values, dtype);
        const shifted = new Uint8Array(bytes.length + shift).subarray(shift);
        shifted.set(bytes);
        assert.deepEqual(toFloat32(shifted, dtype), values);
      },
    ),
  );
});

test("16-bit rounding is at most half a step off", () => {
  const inRange = fc.float({ min: -65504, max: 65504, noNaN: true });
  fc.assert(
    fc.property(inRange, (value) => {
      const values = Float32Array.of(value);
      const half = toFloat32(fromFloat32(values, "F16"), "F16")[0]!;
      assert(Math.abs(half - value) <= Math.max(Math.abs(value) * 2 ** -11, 2 ** -25));
      const brain = toFloat32(fromFloat32(values, "BF16"), "BF16")[0]!;
      assert(Math.abs(brain - value) <= Math.max(Math.abs(value) * 2 ** -8, 2 ** -134));
    }),
  );
});

test("whole numbers do not pass for weights", () => {
  assert.throws(() => toFloat32(new Uint8Array(8), "I64"), InternalError);
  assert.throws(() => fromFloat32(new Float32Array(1), "U8"), InternalError);
});
