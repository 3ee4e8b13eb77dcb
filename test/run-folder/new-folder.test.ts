import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { createFolder } from "../../src/run-folder/new-folder.ts";
import { InputError } from "../../src/util/errors.ts";

function folder(t: TestContext): string {
  const dir = mkdtempSync(path.join(tmpdir(), "retune-new-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const FILES = { "state.json": { status: "queued" } };

async function refuses(target: string, message: RegExp): Promise<void> {
  await assert.rejects(createFolder(target, "run", FILES), (error) => {
    assert.ok(error instanceof InputError, String(error));
    assert.match(error.message, message);
    return true;
  });
}

test("a folder that is empty is taken, and nothing else lies beside it", async (t) => {
  const dir = folder(t);
  const target = path.join(dir, "mine");
  mkdirSync(target);
  await createFolder(target, "run", FILES);
  assert.deepEqual(readdirSync(dir), ["mine"]);
  assert.match(readFileSync(path.join(target, "state.json"), "utf8"), /queued/);
});

test("a folder that holds something, and a file, are refused and stay as they are", async (t) => {
  const dir = folder(t);
  const [full, file] = [path.join(dir, "full"), path.join(dir, "file")];
  mkdirSync(full);
  writeFileSync(path.join(full, "notes"), "mine");
  writeFileSync(file, "mine");
  await refuses(full, /^run folder .*full exists and is not empty; choose another$/);
  await refuses(file, /^run folder .*file exists and is not empty; choose another$/);
  assert.deepEqual(readdirSync(dir), ["file", "full"]);
  assert.equal(readFileSync(file, "utf8"), "mine");
  assert.equal(readFileSync(path.join(full, "notes"), "utf8"), "mine");
});

test("a place where no folder can be made is named, with what the system says", async (t) => {
  const dir = folder(t);
  writeFileSync(path.join(dir, "file"), "");
  const target = path.join(dir, "file", "mine");
  await refuses(target, /^run folder .*mine can't be made: (?:ENOTDIR|EEXIST)/);
});
