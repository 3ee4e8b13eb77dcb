/** What leaves a cache: by size, by last use, and what a killed process left. Sparse files stand for large ones. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { pruneCache } from "../../src/util/prune-cache.ts";
import { tempDir } from "../support/temp-dir.ts";

const HALF_OF_LIMIT = 2 ** 31;

/** Hours ago. */
function used(place: string, hours: number): void {
  const then = new Date(Date.now() - hours * 3_600_000);
  utimesSync(place, then, then);
}

function writeFile(dir: string, name: string, { bytes, hours }: { bytes: number; hours: number }) {
  const file = path.join(dir, name);
  writeFileSync(file, "");
  truncateSync(file, bytes);
  used(file, hours);
}

/** With a file that tells of the last use beside a large one. */
function writeFolder(
  dir: string,
  name: string,
  { bytes, hours }: { bytes: number; hours: number },
) {
  const folder = path.join(dir, name);
  mkdirSync(folder);
  writeFile(folder, "data", { bytes, hours: 0 });
  writeFile(folder, "used", { bytes: 0, hours });
}

test("files beyond the limit go, the longest unused first", async (t) => {
  const dir = tempDir(t);
  writeFile(dir, "a", { bytes: HALF_OF_LIMIT, hours: 3 });
  writeFile(dir, "b", { bytes: HALF_OF_LIMIT, hours: 1 });
  writeFile(dir, "c", { bytes: HALF_OF_LIMIT, hours: 2 });
  await pruneCache(dir);
  assert.deepEqual(readdirSync(dir).toSorted(), ["b", "c"]);
});

test("a folder is as large as what lies in it, and used when its file says so", async (t) => {
  const dir = tempDir(t);
  writeFolder(dir, "a", { bytes: HALF_OF_LIMIT, hours: 3 });
  writeFolder(dir, "b", { bytes: HALF_OF_LIMIT, hours: 1 });
  writeFolder(dir, "c", { bytes: HALF_OF_LIMIT, hours: 2 });
  await pruneCache(dir, { usedFile: "used" });
  assert.deepEqual(readdirSync(dir).toSorted(), ["b", "c"]);
});

test("what is being written stays, counts, and goes when nobody has written for an hour", async (t) => {
  const dir = tempDir(t);
  writeFile(dir, "a.1-ab.tmp", { bytes: 2 * HALF_OF_LIMIT, hours: 0 });
  writeFile(dir, "b.1-ab.tmp", { bytes: 1, hours: 2 });
  mkdirSync(path.join(dir, "c.1-ab.tmp"));
  used(path.join(dir, "c.1-ab.tmp"), 2);
  writeFile(dir, "d", { bytes: 1, hours: 0.5 });
  await pruneCache(dir);
  assert.deepEqual(readdirSync(dir), ["a.1-ab.tmp"]);
});
