/** The fast sum of two models in bfloat16, bit for bit against a rounding that looks for the nearer neighbour. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, suite, test } from "node:test";
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { OpenFiles, PIECE_ELEMENTS } from "../../../src/tensors/tensor-bytes.ts";
import { sumBfloat16 } from "../../../src/merge/models/sum-bfloat16.ts";
import type { FloatSource, TensorSource } from "../../../src/merge/models/tensor-reader.ts";
import { tempDir } from "../../support/temp-dir.ts";

const view = new DataView(new ArrayBuffer(4));

function float32Of(bits: number): number {
  view.setUint32(0, bits);
  return view.getFloat32(0);
}

/** The pattern of bfloat16 that is nearest to a float32, of two as near the even one. */
function nearest(value: number): number {
  view.setFloat32(0, value);
  const below = view.getUint16(0);
  // The next one away from zero; behind the largest comes infinity, which stands for 2 ** 128.
  const above = below + 1;
  const far =
    (above & 0x7fff) === 0x7f80 ? Math.sign(value) * 2 ** 128 : float32Of(above * 2 ** 16);
  const [down, up] = [Math.abs(value - float32Of(below * 2 ** 16)), Math.abs(far - value)];
  if (down === up) return below % 2 === 0 ? below : above;
  return down < up ? below : above;
}

const HEAD = 10;

interface Sum {
  first: Uint16Array;
  second: Uint16Array;
  factors: readonly [number, number];
}

/** Both models in files behind other bytes, the output in the midst of a file. */
function sum(t: TestContext, { first, second, factors }: Sum) {
  const dir = tempDir(t);
  const source = (name: string, values: Uint16Array): FloatSource => {
    const file = path.join(dir, name);
    writeFileSync(file, Buffer.concat([Buffer.alloc(HEAD, 0xee), Buffer.from(values.buffer)]));
    return { name: "w", file, byteOffset: HEAD, byteLength: values.byteLength, dtype: "BF16" };
  };
  const output = { file: path.join(dir, "out"), byteOffset: HEAD, dtype: "BF16" };
  writeFileSync(output.file, Buffer.alloc(2 * HEAD + first.byteLength, 0xdd));
  const models = [source("a", first), source("b", second)];
  let bytes = 0;
  const files = new OpenFiles();
  t.after(() => files.close());
  const onBytes = (more: number): void => void (bytes += more);
  const isDone = sumBfloat16({ models, output }, factors, { files, onBytes });
  const whole = readFileSync(output.file);
  const patterns = new Uint16Array(Uint8Array.from(whole.subarray(HEAD, -HEAD)).buffer);
  return {
    isDone,
    bytes,
    patterns,
    before: whole.subarray(0, HEAD),
    behind: whole.subarray(-HEAD),
  };
}

/** Any finite patterns: zeros of both signs, subnormal numbers and the largest are among them. */
function patterns(seed: number, length: number, largest = 0x7f7f): Uint16Array {
  const random = xoroshiro128plus(seed);
  return Uint16Array.from({ length }, () => {
    const sign = uniformInt(random, 0, 1) * 0x8000;
    return sign | uniformInt(random, 0, largest);
  });
}

function expected({ first, second, factors: [p, q] }: Sum): Uint16Array {
  return first.map((bits, i) =>
    nearest(Math.fround(p * float32Of(bits * 2 ** 16) + q * float32Of(second[i]! * 2 ** 16))),
  );
}

suite("the sum is that of double precision, rounded to float32 and then to the nearest", () => {
  for (const factors of [
    [0.5, 0.5],
    [0.7, 0.3],
    [1, -1],
    [0, 1],
    [-0.25, 0.125],
  ] as const) {
    for (const length of [1, 4096, 4097, 70_001]) {
      test(`${factors.join(" and ")} of ${length} elements of any size`, (t) => {
        const seed = length + Math.round(100 * factors[0]);
        const all = {
          first: patterns(seed, length, 0x7e7f),
          second: patterns(seed + 1, length, 0x7e7f),
          factors,
        };
        const { isDone, bytes, patterns: found, before, behind } = sum(t, all);
        assert.equal(isDone, true);
        assert.equal(bytes, 2 * length);
        assert.deepEqual(found, expected(all), `seed ${seed}`);
        const kept = Buffer.alloc(HEAD, 0xdd);
        assert.deepEqual([before, behind], [kept, kept], "what lies beside it stays");
      });
    }
  }

  test("halves go to the even neighbour", (t) => {
    // 1 + 2 ** -7 is the pattern behind 1; half way between stands 1 + 2 ** -8, between it and the next 1 + 3 · 2 ** -8.
    const all = {
      first: Uint16Array.of(0x3f80, 0x3f81, 0xbf80, 0xbf81),
      second: Uint16Array.of(0x3b80, 0x3b80, 0xbb80, 0xbb80),
      factors: [1, 1] as const,
    };
    assert.deepEqual([...sum(t, all).patterns], [0x3f80, 0x3f82, 0xbf80, 0xbf82]);
  });

  test("it goes on where one piece of the files ends and the next begins", (t) => {
    const length = PIECE_ELEMENTS + 4097;
    const first = Uint16Array.from({ length }, (_, i) => 0x3f80 + (i % 97));
    const second = Uint16Array.from({ length }, (_, i) => 0x3f80 + (i % 89));
    const { isDone, bytes, patterns: found } = sum(t, { first, second, factors: [0, 1] });
    assert.equal(isDone, true);
    assert.equal(bytes, 2 * length);
    assert.deepEqual(found, second);
  });
});

suite("what it leaves to the general way", () => {
  for (const [name, bits, factors] of [
    ["infinity", 0x7f80, [0.5, 0.5]],
    ["infinity, negative", 0xff80, [0.5, 0.5]],
    ["NaN", 0x7fc0, [0.5, 0.5]],
    ["NaN of the smallest payload", 0xff81, [0.5, 0.5]],
    ["NaN of the largest payload", 0x7fff, [0.5, 0.5]],
    ["NaN of no weight", 0xffff, [1, 0]],
    ["a sum that bfloat16 can't hold", 0x7f7f, [1, 2]],
  ] as const) {
    for (const at of [0, 4095, 4096, 5000]) {
      test(`${name} at ${at}`, (t) => {
        const first = patterns(1, 5001, 0x7000);
        const second = patterns(2, 5001, 0x7000);
        second[at] = bits;
        assert.equal(sum(t, { first, second, factors }).isDone, false);
      });
    }
  }

  test("the largest number is held, and what rounds beyond it is not", (t) => {
    const [largest, half] = [Uint16Array.of(0x7f7f), Uint16Array.of(0x7b00)];
    // 0x7b00 is 2 ** 119: half of the largest one's last place, so that the even neighbour is infinity.
    assert.equal(sum(t, { first: largest, second: half, factors: [1, 0.99] }).isDone, true);
    assert.equal(sum(t, { first: largest, second: half, factors: [1, 1] }).isDone, false);
  });

  test("other formats, rows of another order, and any other number of models", (t) => {
    const file = path.join(tempDir(t), "none");
    const files = new OpenFiles();
    const source: FloatSource = { name: "w", file, byteOffset: 0, byteLength: 2, dtype: "BF16" };
    const rows = { sources: [source], columns: 1, runs: [], padding: 0 };
    const output = { file, byteOffset: 0, dtype: "BF16" };
    const isDone = (models: readonly TensorSource[], out = output): boolean =>
      sumBfloat16({ models, output: out }, [0.5, 0.5], { files, onBytes: () => assert.fail() });
    // There is no such file: whoever opened it would throw.
    for (const models of [
      [source],
      [source, source, source],
      [source, rows],
      [rows, source],
      [{ ...source, dtype: "F16" }, source],
      [source, { ...source, dtype: "F32" }],
    ] as const) {
      assert.equal(isDone(models), false);
    }
    assert.equal(isDone([source, source], { ...output, dtype: "F32" }), false);
  });
});
