/** References to base models: what a text or a path is read as, where each kind is loaded from, what is refused. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import type { BaseKind, BaseReference } from "../../src/bases/base-kind.ts";
import { BASE_LOADERS, loadBase, resolveBase } from "../../src/bases/load-base.ts";
import {
  BASE_KINDS,
  baseAt,
  baseLabel,
  isOfferedFile,
  locateBase,
  offeredPatterns,
  parseBase,
} from "../../src/bases/references.ts";
import { modelsAmong } from "../../src/ui/catalogs/model-folders.ts";
import { InputError } from "../../src/util/errors.ts";

function folder(t: TestContext): string {
  const dir = mkdtempSync(path.join(tmpdir(), "retune-bases-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

test("a path is of the kind that its end says, and else a folder's", () => {
  const kinds = ["m/SmolLM", "m/tiny.GGUF", "m/net.onnx", "m/web/model.json", "m/other.json"];
  assert.deepEqual(
    kinds.map((one) => baseAt(one).kind),
    ["path", "gguf", "onnx", "tfjs", "path"],
  );
});

test("what exists is a path whatever else it looks like; a name on the hub and a provider's model are read apart", async (t) => {
  const dir = folder(t);
  mkdirSync(path.join(dir, "org", "name"), { recursive: true });
  const own = await parseBase("org/name", dir);
  assert.deepEqual(own, {
    kind: "path",
    given: "org/name",
    location: path.join(dir, "org", "name"),
  });
  const named = await parseBase("org/other@v2", dir);
  assert.deepEqual(named, {
    kind: "hub",
    given: "org/other@v2",
    location: "org/other",
    revision: "v2",
    tried: path.join(dir, "org", "other@v2"),
  });
  const owned = await parseBase("provider:azure/gpt-4.1-mini", dir);
  assert.deepEqual([owned.kind, owned.location], ["provider", "azure/gpt-4.1-mini"]);
  await assert.rejects(
    resolveBase(owned),
    /provider:azure\/gpt-4\.1-mini is at its provider, so it can't be loaded/,
  );
  await assert.rejects(parseBase("a@b@c", dir), /a@b@c has more than one @; write NAME@REVISION/);
  await assert.rejects(parseBase("org/name@../../x", dir), InputError);
  await assert.rejects(parseBase("nothing", dir), /nothing is no folder \(.*nothing\), nor a name/);
});

test("a name on the hub is loaded from its snapshot in the local cache, or told how to get", async (t) => {
  const dir = folder(t);
  const before = process.env["HF_HUB_CACHE"];
  process.env["HF_HUB_CACHE"] = dir;
  t.after(() => {
    if (before === undefined) delete process.env["HF_HUB_CACHE"];
    else process.env["HF_HUB_CACHE"] = before;
  });
  const stored = path.join(dir, "models--org--name");
  mkdirSync(path.join(stored, "refs"), { recursive: true });
  mkdirSync(path.join(stored, "snapshots", "abc"), { recursive: true });
  writeFileSync(path.join(stored, "refs", "main"), "abc\n");
  const snapshot = path.join(stored, "snapshots", "abc");
  assert.equal(await resolveBase(await parseBase("org/name", dir)), snapshot);
  assert.equal(await locateBase(await parseBase("org/name@abc", dir)), snapshot);
  await assert.rejects(
    resolveBase(await parseBase("org/name@v2", dir)),
    /not in the hub's cache \(.*models--org--name\); get it with "hf download org\/name --revision v2"/,
  );
});

test("kinds that no family computes are refused by name, like what is not there", async (t) => {
  const dir = folder(t);
  for (const name of ["net.onnx", "model.json", "weights.bin"]) {
    const file = path.join(dir, name);
    await assert.rejects(
      resolveBase(file),
      new InputError(`base model ${file} does not exist; give a Hugging Face folder or a .gguf`),
    );
    writeFileSync(file, "x");
    await assert.rejects(
      resolveBase(file),
      new InputError(`base model ${file} is neither a Hugging Face folder nor a .gguf file`),
    );
  }
  // A folder is one, however it is called.
  const odd = path.join(dir, "odd.gguf");
  mkdirSync(odd);
  assert.equal(await resolveBase(odd), odd);
});

test("a kind from outside is found, loaded, called and offered like those of the house", async (t) => {
  const dir = folder(t);
  const planted: BaseKind = {
    name: "planted",
    isAt: (file) => file.endsWith(".weights"),
    label: (name) => name.replace(/\.weights$/u, ""),
    offered: { extension: "weights", title: "Planted" },
  };
  const copy = { files: async () => [], check: async () => {} };
  const load = async ({ location }: BaseReference): Promise<string> => path.dirname(location);
  const remove = BASE_KINDS.add(planted);
  t.after(remove);
  t.after(BASE_LOADERS.add({ name: "planted", load, copy }));
  const file = path.join(dir, "tiny.weights");
  writeFileSync(file, "x");
  assert.equal(await resolveBase(await parseBase("tiny.weights", dir)), dir);
  assert.deepEqual(await loadBase(file), { named: file, dir, copy });
  assert.deepEqual(await loadBase(dir), { named: dir, dir, copy: undefined });
  assert.equal(baseLabel("tiny.weights"), "tiny");
  assert.deepEqual(modelsAmong([file]), [file]);
  assert.deepEqual(offeredPatterns(), ["*.gguf", "*.weights"]);
  remove();
  assert.ok(!isOfferedFile(file) && baseAt(file).kind === "path");
});
