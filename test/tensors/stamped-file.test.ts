/** Files known by hash and stamp: what was touched is read again, what was written to is found out. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { compareFiles, stampFiles, stampOf } from "../../src/tensors/stamped-file.ts";
import { tempDir } from "../support/temp-dir.ts";

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

async function setUp(t: TestContext) {
  const dir = tempDir(t);
  const [one, two] = [path.join(dir, "one"), path.join(dir, "two")];
  writeFileSync(one, "first");
  writeFileSync(two, "second");
  const files = await stampFiles({ [one]: sha256("first"), [two]: sha256("second") });
  return { one, two, files };
}

test("files that nobody wrote to are what they were, and are not read for it", async (t) => {
  const { one, two, files } = await setUp(t);
  assert.deepEqual(await compareFiles(files), { changed: undefined, now: files, isTouched: false });
  // With a hash that is wrong, too: the stamps are the same.
  const wrong = { [one]: { ...files[one]!, sha256: sha256("else") }, [two]: files[two]! };
  assert.equal((await compareFiles(wrong)).changed, undefined);
});

test("one that was touched, or written with the same, has its stamp of now", async (t) => {
  const { one, two, files } = await setUp(t);
  utimesSync(one, 1, 1);
  const found = await compareFiles(files);
  assert.equal(found.changed, undefined);
  assert.deepEqual(found, {
    changed: undefined,
    isTouched: true,
    now: { [one]: { sha256: sha256("first"), stamp: await stampOf(one) }, [two]: files[two] },
  });
  assert.notEqual(await stampOf(one), files[one]!.stamp);
});

test("one that has another text of the same length and age is found out", async (t) => {
  const { one, files } = await setUp(t);
  const { atime, mtime } = statSync(one);
  writeFileSync(one, "fIrst");
  utimesSync(one, atime, mtime);
  assert.deepEqual(await compareFiles(files), { changed: one });
});

test("one that another took the place of, or that is gone, is found out", async (t) => {
  const { one, two, files } = await setUp(t);
  renameSync(two, one);
  writeFileSync(two, "second");
  assert.deepEqual(await compareFiles(files), { changed: one });
  rmSync(two);
  assert.deepEqual(await compareFiles(files), { changed: two });
});
