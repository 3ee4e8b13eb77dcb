import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, suite, test } from "node:test";
import fc from "fast-check";
import { type StoredDataset, readDataset, writeDataset } from "../../src/data/dataset-file.ts";
import type { DatasetReport } from "../../src/data/dataset-report.ts";
import { ExampleStore, type Segment } from "../../src/data/example-store.ts";
import { tempDir } from "../support/temp-dir.ts";

const report: DatasetReport = {
  rows: 3,
  formats: { alpaca: 2, text: 1 },
  truncated: [2],
  dropped: [],
  withoutCounted: [7, 9],
  unplaced: [],
  tokens: 5,
  countedTokens: 3,
};

function segment(rows: readonly (readonly number[])[], firstLine = 1): Segment {
  const ids = rows.flat();
  let end = 0;
  return {
    ids: Int32Array.from(ids),
    counted: Uint8Array.from(ids, (_, i) => i % 2),
    ends: Int32Array.from(rows, ({ length }) => (end += length)),
    lines: Int32Array.from(rows, (_, i) => firstLine + i),
  };
}

async function written(t: TestContext, dataset: StoredDataset): Promise<string> {
  const file = path.join(tempDir(t), "tokens");
  await writeDataset(file, dataset);
  return file;
}

const small = { report, examples: new ExampleStore([segment([[10, 20, 30], [40], [50]])]) };

suite("a tokenised data file", () => {
  test("reads back what was written, whatever its rows' lengths", async (t) => {
    const dir = tempDir(t);
    let count = 0;
    const ids = fc.array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), { maxLength: 9 });
    const segments = fc.array(fc.array(ids, { maxLength: 5 }), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(segments, async (made) => {
        const file = path.join(dir, `${count++}`);
        const examples = new ExampleStore(made.map((rows, i) => segment(rows, 100 * i + 1)));
        await writeDataset(file, { examples, report });
        const found = await readDataset(file);
        assert(found);
        assert.deepEqual(found.report, report);
        assert.deepEqual(found.examples.segments, examples.segments);
      }),
      { seed: 11, numRuns: 60 },
    );
  });

  test("is laid out as its header says: length, JSON, arrays, flags padded to four, hash", async (t) => {
    const bytes = readFileSync(await written(t, small));
    const headerLength = bytes.readUInt32LE(0);
    assert.equal((4 + headerLength) % 4, 0);
    const header: unknown = JSON.parse(bytes.toString("utf8", 4, 4 + headerLength));
    assert.deepEqual(header, { report, segments: [{ rows: 3, tokens: 5 }] });
    const integers = Array.from({ length: 11 }, (_, i) =>
      bytes.readInt32LE(4 + headerLength + 4 * i),
    );
    assert.deepEqual(integers, [10, 20, 30, 40, 50, 3, 4, 5, 1, 2, 3]);
    const flags = bytes.subarray(4 + headerLength + 44, -32);
    assert.deepEqual([...flags], [0, 1, 0, 1, 0, 0, 0, 0]);
    const hash = createHash("sha256").update(bytes.subarray(0, -32)).digest();
    assert.deepEqual(bytes.subarray(-32), hash);
  });

  test("is none when any byte of it is another", async (t) => {
    const file = await written(t, small);
    const whole = readFileSync(file);
    for (let at = 0; at < whole.length; at++) {
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] ?? 0) ^ 0x10;
      writeFileSync(file, changed);
      assert.equal(await readDataset(file), undefined, `byte ${at}`);
    }
    writeFileSync(file, whole);
    assert.equal((await readDataset(file))?.examples.length, 3);
  });

  test("is none when it is cut anywhere, or goes on", async (t) => {
    const file = await written(t, small);
    const whole = readFileSync(file);
    writeFileSync(file, Buffer.concat([whole, Buffer.of(0)]));
    assert.equal(await readDataset(file), undefined);
    writeFileSync(file, whole);
    for (let length = whole.length - 1; length >= 0; length--) {
      truncateSync(file, length);
      assert.equal(await readDataset(file), undefined, `${length} bytes`);
    }
  });

  test("is never written over another", async (t) => {
    const file = await written(t, small);
    await assert.rejects(writeDataset(file, small), { code: "EEXIST" });
    assert.equal((await readDataset(file))?.examples.length, 3);
  });
});
