import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, suite, test } from "node:test";
import { readGgufHeader } from "../../src/gguf/header.ts";
import { checkImport, importedFiles, isCurrent, writeOrigin } from "../../src/gguf/import-cache.ts";
import { refuses } from "../support/refuses.ts";
import { tempDir } from "../support/temp-dir.ts";
import { writeGguf } from "./write-gguf.ts";

const sha256 = (file: string): string =>
  createHash("sha256").update(readFileSync(file)).digest("hex");

async function imported(t: TestContext) {
  const root = tempDir(t);
  const source = path.join(root, "m.gguf");
  await writeGguf(source, { "general.file_type": 7 }, [{ name: "a", shape: [4] }]);
  const dir = path.join(root, "import");
  mkdirSync(dir);
  const [config, weights] = [path.join(dir, "config.json"), path.join(dir, "model.safetensors")];
  writeFileSync(config, "{}");
  writeFileSync(weights, "weights");
  const known = { "model.safetensors": sha256(weights) };
  await writeOrigin(dir, await readGgufHeader(source), sha256(source), known);
  const log: string[] = [];
  return {
    source,
    dir,
    config,
    weights,
    log,
    isNow: () => isCurrent(dir, source, (l) => log.push(l)),
  };
}

const originOf = (dir: string) =>
  JSON.parse(readFileSync(path.join(dir, "origin.json"), "utf8")) as Record<string, unknown> & {
    sourceFile: { sha256: string; stamp: string };
    files: Record<string, { sha256: string; stamp: string }>;
  };

suite("an import of a .gguf", () => {
  test("says what it was made of, and the hash of every file of it", async (t) => {
    const { dir, source, config, weights } = await imported(t);
    const { files, sourceFile, ...rest } = originOf(dir);
    const { headerSha256 } = await readGgufHeader(source);
    assert.deepEqual(rest, { source, headerSha256, fileType: 7, importVersion: 2 });
    assert.equal(sourceFile.sha256, sha256(source));
    assert.deepEqual(
      Object.fromEntries(Object.entries(files).map(([name, file]) => [name, file.sha256])),
      { "config.json": sha256(config), "model.safetensors": sha256(weights) },
    );
    const all = [config, weights];
    assert.deepEqual((await importedFiles(dir)).toSorted(), all);
  });

  test("stands as long as nothing is written to", async (t) => {
    const { isNow, dir, log } = await imported(t);
    const before = originOf(dir);
    assert.equal(await isNow(), true);
    assert.deepEqual([log, originOf(dir)], [[], before]);
  });

  test("stands where files were only touched, and is stamped anew", async (t) => {
    const { isNow, dir, config, source, log } = await imported(t);
    const before = originOf(dir);
    for (const file of [config, source]) utimesSync(file, 1_000_000, 1_000_000);
    assert.equal(await isNow(), true);
    const after = originOf(dir);
    assert.notEqual(after.sourceFile.stamp, before.sourceFile.stamp);
    assert.notEqual(after.files["config.json"]?.stamp, before.files["config.json"]?.stamp);
    assert.deepEqual(after.files["model.safetensors"], before.files["model.safetensors"]);
    assert.equal(after.sourceFile.sha256, before.sourceFile.sha256);
    assert.deepEqual(log, []);
  });

  test("falls with a byte of any file, and the log names it", async (t) => {
    for (const which of ["config", "weights", "source"] as const) {
      const made = await imported(t);
      const bytes = readFileSync(made[which]);
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
      writeFileSync(made[which], bytes);
      assert.equal(await made.isNow(), false);
      const expected = `${made[which]} has changed since it was imported; it is imported anew`;
      assert.deepEqual(made.log, [expected]);
    }
  });

  test("falls where a file came or went", async (t) => {
    const more = await imported(t);
    writeFileSync(path.join(more.dir, "tokenizer.json"), "{}");
    assert.equal(await more.isNow(), false);
    assert.match(more.log.join(), /import holds other files than it did since/);
  });

  test("is none of another file's, without origin.json, with a broken one, or of another version", async (t) => {
    const { dir, source, log } = await imported(t);
    const now = (from = source) => isCurrent(dir, from, (line) => log.push(line));
    const file = path.join(dir, "origin.json");
    const other = path.join(path.dirname(source), "other.gguf");
    writeFileSync(other, readFileSync(source));
    assert.equal(await now(other), false);
    const whole = readFileSync(file, "utf8");
    for (const text of ["", "{", "[]", whole.replace('"importVersion": 2', '"importVersion": 1')]) {
      writeFileSync(file, text);
      assert.equal(await now(), false, text.slice(0, 20));
      assert.deepEqual(await importedFiles(dir), []);
    }
    writeFileSync(file, whole);
    assert.equal(await now(), true);
    rmSync(file);
    assert.equal(await now(), false);
    assert.deepEqual(log, []);
  });
});

suite("the check of an import by its files' hashes", () => {
  test("passes what was imported, and what is no import", async (t) => {
    const { dir, config, weights } = await imported(t);
    await checkImport(dir, { [config]: sha256(config), [weights]: sha256(weights) });
    await checkImport(path.dirname(dir), {});
  });

  test("names the file that is another, its source and the way out", async (t) => {
    const { dir, source, config, weights } = await imported(t);
    await refuses(
      checkImport(dir, { [config]: sha256(config), [weights]: sha256(config) }),
      new RegExp(
        `model\\.safetensors has changed since ${source} was imported; delete ${dir}, and it is imported anew$`,
      ),
    );
    await refuses(checkImport(dir, { [config]: sha256(config) }), /model\.safetensors has changed/);
  });
});
