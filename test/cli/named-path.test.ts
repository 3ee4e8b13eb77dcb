import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { checkReadable, namedPath, withNames } from "../../src/cli/named-path.ts";
import { refuses } from "../support/refuses.ts";
import { tempDir } from "../support/temp-dir.ts";

const unnamed = (...paths: string[]) => paths.map((one) => ({ name: undefined, path: one }));
const names = (...paths: string[]) => withNames(unnamed(...paths)).map(({ name }) => name);

test("NAME=PATH has a name, and a path that is there may hold = itself", async (t) => {
  const dir = tempDir(t);
  const odd = path.join(dir, "a=b.jsonl");
  assert.deepEqual(await namedPath(odd), {
    name: odd.slice(0, odd.indexOf("=")),
    path: path.resolve("b.jsonl"),
  });
  writeFileSync(odd, "");
  assert.deepEqual(await namedPath(odd), { name: undefined, path: odd });
  assert.deepEqual(await namedPath(`mine=${odd}`), { name: "mine", path: odd });
  assert.deepEqual(await namedPath("=x"), { name: undefined, path: path.resolve("=x") });
  assert.deepEqual(await namedPath("x"), { name: undefined, path: path.resolve("x") });
});

test("a path is called by the fewest last parts that tell it from the others", () => {
  assert.deepEqual(names("/runs/a/adapter", "/runs/b/adapter"), ["a/adapter", "b/adapter"]);
  assert.deepEqual(names("/m/base", "/runs/b/adapter"), ["base", "adapter"]);
  assert.deepEqual(names("/x/1/r/a", "/x/2/r/a", "/x/1/s/a"), ["1/r/a", "2/r/a", "s/a"]);
  assert.deepEqual(names("/r/a", "/x/r/a"), ["r/a", "x/r/a"]);
  assert.deepEqual(names("/only"), ["only"]);
});

test("names of any different paths are different, and each is the end of its path", () => {
  const part = fc.constantFrom("a", "b", "c");
  const absolute = fc
    .array(part, { minLength: 1, maxLength: 4 })
    .map((parts) => `/${parts.join("/")}`);
  fc.assert(
    fc.property(fc.uniqueArray(absolute, { minLength: 1, maxLength: 8 }), (paths) => {
      const found = names(...paths);
      assert.equal(new Set(found).size, paths.length, String(found));
      for (const [i, name] of found.entries()) assert.ok(paths[i]?.endsWith(`/${name}`), name);
    }),
    { seed: 60, numRuns: 500 },
  );
});

test("a name that was given is kept, and given twice it is refused", () => {
  const given = [{ name: "x", path: "/a/b" }, ...unnamed("/c/b")];
  assert.deepEqual(withNames(given), [
    { name: "x", path: "/a/b" },
    { name: "b", path: "/c/b" },
  ]);
  const message = '"b" is given twice; tell the two apart by NAME=PATH';
  assert.throws(() => withNames([{ name: "b", path: "/x" }, ...unnamed("/c/b")]), { message });
  assert.throws(() => withNames(unnamed("/c/b", "/c/b")), { message: /^"c\/b" is given twice/ });
});

test("files that can't be evaluated are told before the first is", async (t) => {
  const dir = tempDir(t);
  const file = path.join(dir, "rows.jsonl");
  writeFileSync(file, "{}\n");
  const folder = path.join(dir, "folder");
  mkdirSync(folder);
  await checkReadable([{ path: file }]);
  await refuses(
    checkReadable([{ path: file }, { path: `${file}x` }]),
    /^data file \S+rows\.jsonlx does not exist$/,
  );
  await refuses(checkReadable([{ path: folder }]), /^data file \S+folder is a folder$/);
  await refuses(checkReadable([{ path: path.join(file, "x") }]), /^data file \S+: ENOTDIR/);
});
