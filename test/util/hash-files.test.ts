import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { startHashing } from "../../src/util/hash-files.ts";

function folder(t: TestContext): string {
  const dir = mkdtempSync(path.join(os.tmpdir(), "retune-hash-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

test("files of any length have node:crypto's sha256; one that is missing has none", async (t) => {
  const dir = folder(t);
  const lengths = [0, 1, 2 ** 20, 2 ** 20 + 1, 3 * 2 ** 20 - 7];
  const expected: Record<string, string> = {};
  for (const length of lengths) {
    const bytes = randomBytes(length);
    const file = path.join(dir, `${length} bytes`);
    writeFileSync(file, bytes);
    expected[file] = createHash("sha256").update(bytes).digest("hex");
  }
  const files = [...Object.keys(expected), path.join(dir, "missing")];
  assert.deepEqual(await startHashing(files).hashes, expected);
});

test("a folder among the files is an error, not a hash", async (t) => {
  await assert.rejects(startHashing([folder(t)]).hashes, { code: "EISDIR" });
});

test("stopped before it is done, the hashes never come", async (t) => {
  const file = path.join(folder(t), "large");
  writeFileSync(file, Buffer.alloc(64 * 2 ** 20));
  const hashing = startHashing([file, file, file, file]);
  await hashing.stop();
  await assert.rejects(hashing.hashes, /stopped/);
});
