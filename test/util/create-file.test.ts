import assert from "node:assert/strict";
import { readFile, readdir, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import { createFile } from "../../src/util/create-file.ts";
import { temporaryName } from "../../src/util/temporary-name.ts";
import { tempDir } from "../support/temp-dir.ts";

test("of many who make a file at once one succeeds, and its text is what is there", async (t) => {
  const target = path.join(tempDir(t), "lock");
  const makers = Array.from({ length: 20 }, (_, maker) => `maker ${maker}`);
  const made = await Promise.all(
    makers.map(async (text) => {
      const temporary = temporaryName(target);
      await writeFile(temporary, text);
      return createFile(target, { temporary, text });
    }),
  );
  const winners = makers.filter((_, maker) => made[maker]);
  assert.deepEqual(winners, [await readFile(target, "utf8")]);
  const names = await readdir(path.dirname(target));
  assert.equal(
    new Set(names).size,
    makers.length + 1,
    "temporary names are all different, and stay",
  );
});

test("a file that is there stays as it was", async (t) => {
  const target = path.join(tempDir(t), "lock");
  await writeFile(target, "first");
  const before = await stat(target);
  const temporary = temporaryName(target);
  await writeFile(temporary, "second");
  assert.equal(await createFile(target, { temporary, text: "second" }), false);
  assert.equal(await readFile(target, "utf8"), "first");
  assert.equal((await stat(target)).mtimeMs, before.mtimeMs);
});

test("what is no matter of who was first is thrown", async (t) => {
  const dir = tempDir(t);
  const temporary = path.join(dir, "none.tmp");
  const target = path.join(dir, "lock");
  await assert.rejects(createFile(target, { temporary, text: "" }), { code: "ENOENT" });
  assert.deepEqual(await readdir(dir), []);
});

test("a temporary name lies beside its target and names the process", () => {
  const names = new Set(Array.from({ length: 100 }, () => temporaryName("/a/b.json")));
  assert.equal(names.size, 100);
  for (const name of names) {
    assert.equal(path.dirname(name), "/a");
    assert.match(name, new RegExp(String.raw`b\.json\.${process.pid}-[0-9a-f]{12}\.tmp$`));
  }
});
