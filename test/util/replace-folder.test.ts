import { spawnSync } from "node:child_process";
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { currentProcessIdentity, processIdentity } from "../../src/util/process-identity.ts";
import { processMark } from "../../src/util/process-mark.ts";
import { replaceFolder } from "../../src/util/replace-folder.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), "retune-replace-"));
});
afterEach(() => rm(dir, { recursive: true }));

const fill = (text: string) => (folder: string) => writeFile(path.join(folder, "file"), text);
const content = (folder: string) => readFile(path.join(folder, "file"), "utf8");

test("makes the folder and those above it", async () => {
  const folder = path.join(dir, "a/b/c");
  await replaceFolder(folder, fill("new"));
  assert.equal(await content(folder), "new");
  assert.deepEqual(await readdir(path.dirname(folder)), ["c"]);
});

test("replaces everything that was there", async () => {
  const folder = path.join(dir, "out");
  await mkdir(folder);
  await writeFile(path.join(folder, "other"), "old");
  await replaceFolder(`${folder}${path.sep}`, fill("new"));
  assert.deepEqual(await readdir(folder), ["file"]);
  assert.deepEqual(await readdir(dir), ["out"]);
});

test("leaves what was there, and nothing else, when filling fails", async () => {
  const folder = path.join(dir, "out");
  await replaceFolder(folder, fill("old"));
  const failing = async (temporary: string) => {
    await fill("half")(temporary);
    throw new Error("gone");
  };
  await assert.rejects(replaceFolder(folder, failing), /gone/);
  assert.equal(await content(folder), "old");
  assert.deepEqual(await readdir(dir), ["out"]);
});

test("is done though what was there can't be removed; that is told", async () => {
  const folder = path.join(dir, "out");
  const told: string[] = [];
  // As Windows refuses a folder of which a file is open.
  const remove = (): Promise<void> =>
    Promise.reject(Object.assign(new Error("EBUSY: resource busy"), { code: "EBUSY" }));
  await replaceFolder(folder, fill("old"));
  await replaceFolder(folder, fill("new"), { remove, tell: (line) => told.push(line) });
  assert.equal(await content(folder), "new");
  const [name = ""] = (await readdir(dir)).filter((one) => one.endsWith(".old"));
  const old = path.join(dir, name);
  assert.equal(await content(old), "old");
  assert.deepEqual(told, [
    `${folder} is saved, but what was there before can't be removed: EBUSY: resource busy; it is ${old}`,
  ]);
});

test("is not stopped by what a killed process of the same id left", async () => {
  const folder = path.join(dir, "out");
  await mkdir(`${folder}.${process.pid}.tmp`);
  await replaceFolder(folder, fill("new"));
  assert.equal(await content(folder), "new");
});

test("what a killed process moved aside comes back, whether the next replacement succeeds or not", async () => {
  const folder = path.join(dir, "moved");
  const { pid } = spawnSync(process.execPath, ["-e", ""]);
  const gone = { ...(await currentProcessIdentity()), pid };
  const aside = `${folder}.${await processMark(gone)}.old`;
  await mkdir(aside);
  await writeFile(path.join(aside, "file"), "old");
  await assert.rejects(
    replaceFolder(folder, () => Promise.reject(new Error("gone"))),
    /gone/,
  );
  assert.equal(await content(folder), "old");
  await rename(folder, aside);
  await replaceFolder(folder, fill("new"));
  assert.equal(await content(folder), "new");
  const left = (await readdir(dir)).filter((name) => name.startsWith("moved"));
  assert.deepEqual(left, ["moved"]);
});

test("what an earlier process of a pid that lives again moved aside comes back, a living one's does not", async () => {
  const folder = path.join(dir, "moved");
  const fail = () => replaceFolder(folder, () => Promise.reject(new Error("gone")));
  const living = await processIdentity(process.ppid);
  for (const [owner, isBack] of [
    [living, false],
    [{ ...living, startedAt: "earlier" }, true],
    [{ ...(await currentProcessIdentity()), startedAt: "earlier" }, true],
  ] as const) {
    const aside = `${folder}.${await processMark(owner)}.old`;
    await mkdir(aside);
    await assert.rejects(fail(), /gone/);
    const left = isBack ? folder : aside;
    assert.deepEqual(await readdir(dir), [path.basename(left)]);
    await rm(left, { recursive: true });
  }
});
