/** A base tensor with adapters' changes, against each method's formula in double precision. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, suite, test } from "node:test";
import { moved, runAdapterTask } from "../../../src/merge/adapters/apply-changes.ts";
import type { Change } from "../../../src/merge/adapters/changes.ts";
import { type FloatDType, fromFloat32, toFloat32 } from "../../../src/tensors/dtype.ts";
import {
  type TensorInfo,
  readSafetensorsHeader,
  writeSafetensors,
} from "../../../src/tensors/safetensors.ts";
import { OpenFiles } from "../../../src/tensors/tensor-bytes.ts";
import { assertClose } from "../../support/assert-close.ts";
import { refuses } from "../../support/refuses.ts";
import { tempDir } from "../../support/temp-dir.ts";

type Values = readonly number[] | Float32Array;

async function tensor(
  t: TestContext,
  values: Values,
  { shape = [values.length], dtype = "F32" as FloatDType, name = "w" },
): Promise<TensorInfo> {
  const file = path.join(tempDir(t), "tensors.safetensors");
  const data = fromFloat32(Float32Array.from(values), dtype);
  await writeSafetensors(file, [{ name, dtype, shape, data }], {});
  return (await readSafetensorsHeader(file)).tensors.get(name)!;
}

/** The result as it is written, in the midst of a file. */
async function merged(
  t: TestContext,
  source: TensorInfo,
  changes: readonly Change[],
  dtype: FloatDType = "F32",
): Promise<Float32Array> {
  const file = path.join(tempDir(t), "out");
  const elements = source.shape.reduce((product, size) => product * size, 1);
  const length = elements * (dtype === "F32" ? 4 : 2);
  writeFileSync(file, Buffer.alloc(length + 16, 0xee));
  const output = { name: "out.weight", file, byteOffset: 8, dtype };
  const files = new OpenFiles();
  t.after(() => files.close());
  let bytes = 0;
  const onBytes = (more: number): void => void (bytes += more);
  await runAdapterTask(
    { type: "adapters", merged: { source, dtype, changes }, output },
    { files, onBytes },
  );
  const whole = readFileSync(file);
  assert.equal(bytes, length);
  assert.deepEqual(
    [whole.subarray(0, 8), whole.subarray(-8)],
    [Buffer.alloc(8, 0xee), Buffer.alloc(8, 0xee)],
  );
  return toFloat32(Uint8Array.from(whole.subarray(8, -8)), dtype);
}

const wave = (length: number, step: number): Float32Array =>
  Float32Array.from({ length }, (_, i) => Math.sin(1 + i * step));

interface Sizes {
  rows: number;
  columns: number;
  rank: number;
}

interface Lora extends Sizes {
  weight: number;
  scale?: number;
  isEmbedding?: boolean;
  magnitude?: Float32Array;
}

/** LoRA of a module: A [r,in], B [out,r]; of embeddings [V,C] they stand as A [r,V], B [C,r]. */
async function lora(
  t: TestContext,
  { rows, columns, rank, weight, scale = 0.5, isEmbedding = false, magnitude }: Lora,
) {
  const [into, out] = isEmbedding ? [rows, columns] : [columns, rows];
  const [a, b] = [wave(rank * into, 0.7), wave(out * rank, 1.3)];
  const change: Change = {
    type: "low-rank",
    adapterDir: "/adapter",
    weight,
    isEmbedding,
    factors: {
      path: "m",
      a: await tensor(t, a, { shape: [rank, into] }),
      b: await tensor(t, b, { shape: [out, rank] }),
      scale,
      ...(magnitude ? { magnitude: await tensor(t, magnitude, {}) } : {}),
    },
  };
  const delta = (i: number, j: number): number => {
    const [o, n] = isEmbedding ? [j, i] : [i, j];
    let sum = 0;
    for (let r = 0; r < rank; r++) sum += b[o * rank + r]! * a[r * into + n]!;
    return scale * sum;
  };
  return { change, delta };
}

function table({ rows, columns }: Sizes, value: (i: number, j: number) => number): Float64Array {
  return Float64Array.from({ length: rows * columns }, (_, at) =>
    value(Math.floor(at / columns), at % columns),
  );
}

const CLOSE = { rtol: 2 ** -23 };
const WIDE = { rows: 5, columns: 7, rank: 3 };

suite("LoRA: W + weight · scale · B·A", () => {
  // The inner loop takes eight ranks at a time: none, some left, none left, and two rounds.
  for (const rank of [1, 7, 8, 9, 16, 20]) {
    test(`rank ${rank}`, async (t) => {
      const sizes = { rows: 5, columns: 7, rank };
      const base = wave(35, 0.31);
      const { change, delta } = await lora(t, { ...sizes, weight: -0.75 });
      const found = await merged(t, await tensor(t, base, { shape: [5, 7] }), [change]);
      assertClose(
        found,
        table(sizes, (i, j) => base[i * 7 + j]! - 0.75 * delta(i, j)),
        CLOSE,
      );
    });
  }

  test("of the embeddings, whose factors stand the other way", async (t) => {
    const base = wave(35, 0.31);
    const { change, delta } = await lora(t, { ...WIDE, weight: 2, isEmbedding: true });
    const found = await merged(t, await tensor(t, base, { shape: [5, 7] }), [change]);
    assertClose(
      found,
      table(WIDE, (i, j) => base[i * 7 + j]! + 2 * delta(i, j)),
      CLOSE,
    );
  });

  test("over more rows than are in memory at a time", async (t) => {
    // A chunk is 1 MB: 1024 rows of 256 float32.
    const sizes = { rows: 1100, columns: 256, rank: 1 };
    const base = wave(sizes.rows * sizes.columns, 0.31);
    const { change, delta } = await lora(t, { ...sizes, weight: 1 });
    const source = await tensor(t, base, { shape: [sizes.rows, sizes.columns] });
    const expected = table(sizes, (i, j) => base[i * sizes.columns + j]! + delta(i, j));
    assertClose(await merged(t, source, [change]), expected, CLOSE);
  });
});

suite("DoRA: a share of the way to m · V / |V|, V = W + scale · B·A", () => {
  for (const weight of [1, 0.4]) {
    test(`of rows, weight ${weight}`, async (t) => {
      const [base, magnitude] = [wave(35, 0.31), wave(5, 2.1)];
      const { change, delta } = await lora(t, { ...WIDE, weight, magnitude });
      const changed = table(WIDE, (i, j) => base[i * 7 + j]! + delta(i, j));
      const expected = table(WIDE, (i, j) => {
        const row = changed.subarray(i * 7, (i + 1) * 7);
        const to = (magnitude[i]! * row[j]!) / Math.hypot(...row);
        return (1 - weight) * base[i * 7 + j]! + weight * to;
      });
      const source = await tensor(t, base, { shape: [5, 7] });
      assertClose(await merged(t, source, [change]), expected, { rtol: 1e-6 });
    });

    test(`of embeddings, whose columns have the lengths, weight ${weight}`, async (t) => {
      const [base, magnitude] = [wave(35, 0.31), wave(7, 2.1)];
      const { change, delta } = await lora(t, { ...WIDE, weight, magnitude, isEmbedding: true });
      const changed = table(WIDE, (i, j) => base[i * 7 + j]! + delta(i, j));
      const lengthOf = (j: number): number =>
        Math.hypot(...[0, 1, 2, 3, 4].map((i) => changed[i * 7 + j]!));
      const expected = table(WIDE, (i, j) => {
        const to = (magnitude[j]! * changed[i * 7 + j]!) / lengthOf(j);
        return (1 - weight) * base[i * 7 + j]! + weight * to;
      });
      const source = await tensor(t, base, { shape: [5, 7] });
      assertClose(await merged(t, source, [change]), expected, { rtol: 1e-6 });
    });
  }
});

suite("scales and rows, by hand", () => {
  const place = { adapterDir: "/adapter" };
  const BASE = [1, 2, 3, 4, 5, 6];

  test("(IA)³: rows or columns times their scale, a share of it, or divided by it", async (t) => {
    const source = await tensor(t, BASE, { shape: [2, 3] });
    const rows = await tensor(t, [3, 0.5], { shape: [2, 1] });
    const columns = await tensor(t, [2, 4, 8], { shape: [1, 3] });
    for (const [change, expected] of [
      [{ type: "scale", scales: rows, axis: "rows", weight: 1, ...place }, [3, 6, 9, 2, 2.5, 3]],
      [
        { type: "scale", scales: columns, axis: "columns", weight: 1, ...place },
        [2, 8, 24, 8, 20, 48],
      ],
      // Half of the way: factors 2 and 0.75.
      [
        { type: "scale", scales: rows, axis: "rows", weight: 0.5, ...place },
        [2, 4, 6, 3, 3.75, 4.5],
      ],
      [
        { type: "scale", scales: columns, axis: "columns", isInverse: true, weight: 1, ...place },
        [0.5, 0.5, 0.375, 2, 1.25, 0.75],
      ],
    ] as const) {
      assert.deepEqual([...(await merged(t, source, [change]))], expected);
    }
  });

  test("a bias has a scale for each of its elements", async (t) => {
    const scales = await tensor(t, [3, 0.5, -1], { shape: [3, 1] });
    const change: Change = { type: "scale", scales, axis: "rows", weight: 1, ...place };
    assert.deepEqual([...(await merged(t, await tensor(t, [1, 2, 3], {}), [change]))], [3, 1, -3]);
  });

  test("values that replace the base's, whole or a quarter of the way", async (t) => {
    const source = await tensor(t, BASE, { shape: [2, 3] });
    const values = await tensor(t, [5, 6, 7, 0, 1, 2], { shape: [2, 3] });
    const change = { type: "replace", values, ...place } as const;
    assert.deepEqual(
      [...(await merged(t, source, [{ ...change, weight: 1 }]))],
      [5, 6, 7, 0, 1, 2],
    );
    assert.deepEqual(
      [...(await merged(t, source, [{ ...change, weight: 0.25 }]))],
      [2, 3, 4, 3, 4, 5],
    );
  });

  test("rows of single tokens, in any order; all others stay", async (t) => {
    const source = await tensor(t, [...BASE, 7, 8, 9], { shape: [3, 3] });
    const values = await tensor(t, [70, 80, 90, 10, 20, 30], { shape: [2, 3] });
    const change: Change = { type: "rows", values, tokens: [2, 0], weight: 1, ...place };
    assert.deepEqual([...(await merged(t, source, [change]))], [10, 20, 30, 4, 5, 6, 70, 80, 90]);
  });

  test("several changes come one after the other, in their order", async (t) => {
    const source = await tensor(t, [1, 2], { shape: [2, 1] });
    const values = await tensor(t, [3, 6], { shape: [2, 1] });
    const scales = await tensor(t, [10, 10], { shape: [2, 1] });
    const half: Change = { type: "replace", values, weight: 0.5, ...place };
    const tenfold: Change = { type: "scale", scales, axis: "rows", weight: 1, ...place };
    assert.deepEqual([...(await merged(t, source, [half, tenfold]))], [20, 40]);
    assert.deepEqual([...(await merged(t, source, [tenfold, half]))], [6.5, 13]);
  });
});

suite("number formats", () => {
  test("the result is rounded once, to the output's", async (t) => {
    // 1 + 2 ** -9 has no place in bfloat16; twice that added to 1 has, 1 + 2 ** -8 being half way to the even 1.
    const source = await tensor(t, [1, 1, 1], { dtype: "BF16" });
    const values = await tensor(t, [1 + 2 ** -9, 1 + 2 ** -8, 1 + 3 * 2 ** -8], {});
    const change: Change = { type: "replace", values, weight: 1, adapterDir: "/adapter" };
    assert.deepEqual([...(await merged(t, source, [change], "BF16"))], [1, 1, 1 + 2 ** -6]);
    assert.deepEqual(
      [...(await merged(t, source, [change], "F16"))],
      [1 + 2 ** -9, 1 + 2 ** -8, 1 + 3 * 2 ** -8],
    );
  });

  test("without a change it is the base in the output's", async (t) => {
    const source = await tensor(t, [1, -2.5, 2 ** -20], { dtype: "BF16" });
    assert.deepEqual([...(await merged(t, source, []))], [1, -2.5, 2 ** -20]);
  });

  test("what it can't hold is refused, with the adapters and the way out", async (t) => {
    const source = await tensor(t, [1, 2], { dtype: "F16" });
    const values = await tensor(t, [3, 70_000], {});
    const change: Change = { type: "replace", values, weight: 1, adapterDir: "/one" };
    await refuses(
      merged(t, source, [change, { ...change, adapterDir: "/two" }, change], "F16"),
      /^out\.weight: merging \/one, \/two gives 70000, which F16 cannot hold; convert the base to BF16 or F32 first$/u,
    );
  });

  test("a base that is damaged is named", async (t) => {
    const source = await tensor(t, [1, Number.NaN], { name: "norm" });
    await refuses(
      merged(t, source, []),
      /tensor norm holds NaN: the base is damaged, and a merge would hide it$/u,
    );
  });
});

test("the whole way ends at the other value exactly, also where rounding would miss it", () => {
  assert.equal(moved(1e16, 1, 1), 1);
  assert.equal(moved(2, 6, 0.25), 3);
  assert.equal(moved(2, 6, 0), 2);
});
