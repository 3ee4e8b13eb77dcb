import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { fromFloat32 } from "../../src/tensors/dtype.ts";
import { startFiniteScan } from "../../src/tensors/finite-scan.ts";
import { readSafetensorsHeader, writeSafetensors } from "../../src/tensors/safetensors.ts";
import { refuses } from "../support/refuses.ts";

let dir: string;
before(async () => {
  dir = await mkdtemp(path.join(tmpdir(), "retune-finite-"));
});
after(() => rm(dir, { recursive: true }));

/** More than a block of the scan, at an odd offset behind `before`. */
const COUNT = 2 ** 21 + 3;

async function scanned(dtype: "F32" | "F16" | "BF16", at: number, value: number): Promise<void> {
  const values = new Float32Array(COUNT).fill(-1.5);
  if (at >= 0) values[at] = value;
  const file = path.join(dir, "model.safetensors");
  await writeSafetensors(file, [
    { name: "before", dtype: "U8", shape: [3], data: new Uint8Array(3).fill(0xff) },
    { name: "w", dtype, shape: [COUNT], data: fromFloat32(values, dtype) },
  ]);
  const { tensors } = await readSafetensorsHeader(file);
  const scan = startFiniteScan([...tensors.values()]);
  try {
    await scan.check();
  } finally {
    await scan.stop();
  }
}

for (const dtype of ["F32", "F16", "BF16"] as const) {
  test(`${dtype}: NaN and infinity are named with their file and place`, async () => {
    await scanned(dtype, -1, 0);
    await refuses(
      scanned(dtype, COUNT - 1, NaN),
      /model\.safetensors: tensor w holds NaN \(element 2097154\): the base is damaged/,
    );
    await refuses(scanned(dtype, 0, -Infinity), /tensor w holds infinity \(element 0\)/);
    await refuses(scanned(dtype, 2 ** 20, Infinity), /tensor w holds infinity \(element 1048576\)/);
  });
}

test("the largest values are finite", async () => {
  await scanned("F16", 1, 65_504);
  await scanned("F32", 1, 3.4028234e38);
});

test("a scan that is stopped says so to who waits", async () => {
  const scan = startFiniteScan([]);
  await scan.stop();
  await assert.rejects(scan.check(), /the scan was stopped/);
});
