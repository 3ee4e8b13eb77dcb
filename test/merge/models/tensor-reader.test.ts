/** A tensor's values from front to back: of real files in pieces of any size, and of rows that lie apart. */
import assert from "node:assert/strict";
import { truncateSync } from "node:fs";
import path from "node:path";
import { suite, test } from "node:test";
import type { TestContext } from "node:test";
import { InputError } from "../../../src/util/errors.ts";
import { type FloatDType, fromFloat32 } from "../../../src/tensors/dtype.ts";
import { readModelWeights } from "../../../src/tensors/model-weights.ts";
import {
  readSafetensorsHeader,
  readTensor,
  writeSafetensors,
} from "../../../src/tensors/safetensors.ts";
import { OpenFiles, PIECE_ELEMENTS } from "../../../src/tensors/tensor-bytes.ts";
import {
  type AlignedRows,
  type FloatSource,
  type TensorSource,
  openReader,
} from "../../../src/merge/models/tensor-reader.ts";
import { tempDir } from "../../support/temp-dir.ts";

const GOLDEN = path.join(import.meta.dirname, "../../golden");

function openFiles(t: TestContext): OpenFiles {
  const files = new OpenFiles();
  t.after(() => files.close());
  return files;
}

/** All values, asked for `stretch` at a time. */
function readAll(
  source: TensorSource,
  { files, elements, stretch }: { files: OpenFiles; elements: number; stretch: number },
): Float32Array {
  const reader = openReader(source, files, stretch);
  const all = new Float32Array(elements);
  for (let at = 0; at < elements; at += stretch) {
    all.set(reader.next(Math.min(stretch, elements - at)), at);
  }
  return all;
}

async function written(
  t: TestContext,
  tensors: readonly {
    name: string;
    dtype?: FloatDType;
    values: readonly number[] | Float32Array;
  }[],
): Promise<{ file: string; source: (name: string) => FloatSource }> {
  const file = path.join(tempDir(t), "model.safetensors");
  await writeSafetensors(
    file,
    tensors.map(({ name, dtype = "F32", values }) => ({
      name,
      dtype,
      shape: [values.length],
      data: fromFloat32(Float32Array.from(values), dtype),
    })),
    {},
  );
  const header = await readSafetensorsHeader(file);
  return { file, source: (name) => header.tensors.get(name) as FloatSource };
}

suite("a tensor in one place", () => {
  test("in pieces of any size it is what it is read whole", async (t) => {
    const files = openFiles(t);
    for (const folder of ["merge/half", "mergekit/base", "mergekit/tied"]) {
      for (const info of (await readModelWeights(path.join(GOLDEN, folder))).values()) {
        const whole = await readTensor(info);
        for (const stretch of [1, 7, 4096]) {
          const options = { files, elements: whole.length, stretch };
          assert.deepEqual(readAll(info as FloatSource, options), whole, `${info.name} ${stretch}`);
        }
      }
    }
  });

  for (const dtype of ["BF16", "F32"] as const) {
    test(`values go on where one piece of the file ends and the next begins, ${dtype}`, async (t) => {
      // Numbers of 8 bits, which bfloat16 holds; 251 is prime, so that no shift gives the same.
      const values = Float32Array.from({ length: 2 * PIECE_ELEMENTS + 1000 }, (_, i) => i % 251);
      const { source } = await written(t, [{ name: "w", dtype, values }]);
      const options = { files: openFiles(t), elements: values.length, stretch: 3 * 4096 };
      assert.deepEqual(readAll(source("w"), options), values);
    });
  }

  test("a value that is no number is refused by its tensor's name, when its stretch is read", async (t) => {
    const { file, source } = await written(t, [
      { name: "sound", values: [1, 2] },
      { name: "broken", values: [1, 2, -Infinity, 4] },
    ]);
    const files = openFiles(t);
    assert.deepEqual([...openReader(source("sound"), files, 2).next(2)], [1, 2]);
    const reader = openReader(source("broken"), files, 2);
    assert.deepEqual([...reader.next(2)], [1, 2]);
    assert.throws(
      () => reader.next(2),
      new InputError(
        `${file}: tensor broken holds -Infinity: the model is damaged, and a merge would hide it`,
      ),
    );
  });

  test("a file that was cut meanwhile is named, with the place", async (t) => {
    const { file, source } = await written(t, [{ name: "w", values: [1, 2, 3, 4] }]);
    const { byteOffset } = source("w");
    truncateSync(file, byteOffset + 6);
    assert.throws(
      () => openReader(source("w"), openFiles(t), 4).next(4),
      new InputError(`${file}: tensor w ends early, at byte 6`),
    );
  });
});

suite("rows that lie apart", () => {
  /** Two columns; ten and more in the first, a hundred and more in the second, in another format. */
  async function rows(t: TestContext, parts: Pick<AlignedRows, "runs" | "padding">) {
    const { source } = await written(t, [
      { name: "first", values: [10, 11, 12, 13, 14, 15] },
      { name: "second", dtype: "BF16", values: [100, 101, 102, 103] },
    ]);
    return { sources: [source("first"), source("second")], columns: 2, ...parts };
  }
  const of = (source: number, row: number) => ({ source, row });

  const CASES: [string, Pick<AlignedRows, "runs" | "padding">, number[]][] = [
    [
      "runs come in their order, of one source or another",
      {
        runs: [
          { rows: 2, from: [of(0, 1)] },
          { rows: 1, from: [of(1, 1)] },
          { rows: 1, from: [of(0, 0)] },
        ],
        padding: 0,
      },
      [12, 13, 14, 15, 102, 103, 10, 11],
    ],
    [
      "several sources give their mean",
      // (10 + 102) / 2 and (11 + 103) / 2.
      { runs: [{ rows: 1, from: [of(0, 0), of(1, 1)] }], padding: 0 },
      [56, 57],
    ],
    [
      "a run of several rows has the mean of each",
      // (12 + 100) / 2, (13 + 101) / 2, (14 + 102) / 2, (15 + 103) / 2.
      { runs: [{ rows: 2, from: [of(0, 1), of(1, 0)] }], padding: 0 },
      [56, 57, 58, 59],
    ],
    [
      "no source gives zeros",
      {
        runs: [
          { rows: 2, from: [] },
          { rows: 1, from: [of(0, 2)] },
        ],
        padding: 0,
      },
      [0, 0, 0, 0, 14, 15],
    ],
    [
      "rows that fill up are the mean of all before",
      // (10 + 12 + 14 + 100) / 4 and (11 + 13 + 15 + 101) / 4.
      {
        runs: [
          { rows: 3, from: [of(0, 0)] },
          { rows: 1, from: [of(1, 0)] },
        ],
        padding: 2,
      },
      [10, 11, 12, 13, 14, 15, 100, 101, 34, 35, 34, 35],
    ],
  ];
  for (const [name, parts, expected] of CASES) {
    test(`${name}, whatever is asked for at a time`, async (t) => {
      const aligned = await rows(t, parts);
      const files = openFiles(t);
      for (let stretch = 1; stretch <= expected.length + 1; stretch++) {
        const options = { files, elements: expected.length, stretch };
        assert.deepEqual([...readAll(aligned, options)], expected, `${stretch} at a time`);
      }
    });
  }

  test("a row that is damaged names the tensor which it is of", async (t) => {
    const { file, source } = await written(t, [
      { name: "sound", values: [1, 2] },
      { name: "broken", values: [3, Number.NaN] },
    ]);
    const aligned: AlignedRows = {
      sources: [source("sound"), source("broken")],
      columns: 2,
      runs: [{ rows: 1, from: [of(0, 0), of(1, 0)] }],
      padding: 0,
    };
    assert.throws(
      () => openReader(aligned, openFiles(t), 2).next(2),
      new InputError(
        `${file}: tensor broken holds NaN: the model is damaged, and a merge would hide it`,
      ),
    );
  });
});
