/** A .gguf as the base of a merge. */
import assert from "node:assert/strict";
import { copyFileSync, readFileSync, renameSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { retune, tinyWorkspace, writeRecipe } from "../support/retune.ts";

const GGUF = path.join(import.meta.dirname, "../golden/gguf/byte-level.gguf");

test("a .gguf gives a Hugging Face folder that says so, is checked, and named after the .gguf", async (t) => {
  const dir = tinyWorkspace(t);
  process.env["RETUNE_CACHE"] = path.join(dir, "cache");
  t.after(() => delete process.env["RETUNE_CACHE"]);
  const base = path.join(dir, "mini.gguf");
  copyFileSync(GGUF, base);
  const run = path.join(dir, "run");
  const data = { train: "data.jsonl", maxLength: 48 };
  const recipe = writeRecipe(dir, { base: "mini.gguf", data, epochs: 0.5 });
  const trained = await retune("train", recipe, "--run-dir", run);
  assert.equal(trained.code, 0, trained.stderr);
  const adapter = path.join(run, "adapter");

  const out = path.join(dir, "merged");
  const { code, stderr } = await retune("merge", base, "--adapter", adapter, "--out", out);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /mini\.gguf is a \.gguf: what is written is a Hugging Face folder/);
  assert.match(stderr, /checked on \d+ tokens of sample texts/);
  assert.doesNotMatch(stderr, /was trained on/);
  assert.match(readFileSync(path.join(out, "README.md"), "utf8"), /^---\nbase_model: "mini"\n/);

  const other = path.join(dir, "elsewhere.gguf");
  renameSync(base, other);
  const again = await retune("merge", other, "--adapter", adapter, "--out", `${out}-2`);
  assert.equal(again.code, 0, again.stderr);
  assert.match(
    again.stderr,
    /adapter was trained on .*mini\.gguf, as its adapter_config\.json says; elsewhere has/,
  );
});
