// What a merged folder keeps of its base beside the tensors that change.
import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, suite, test } from "node:test";
import { mergeAdapters } from "../../../src/merge/adapters/merge-adapters.ts";
import { readModelWeights } from "../../../src/tensors/model-weights.ts";
import { readSafetensorsHeader, readTensor } from "../../../src/tensors/safetensors.ts";
import { assertClose } from "../../support/assert-close.ts";

const golden = path.join(import.meta.dirname, "../../golden/merge");
let dir: string;
before(async () => {
  dir = await mkdtemp(path.join(tmpdir(), "retune-kept-"));
});
after(() => rm(dir, { recursive: true }));

suite("a merge", () => {
  test("loses no tensor that the base's index does not list, and tells so", async () => {
    const baseDir = path.join(dir, "unlisted");
    await cp(path.join(golden, "sharded"), baseDir, { recursive: true });
    const file = path.join(baseDir, "model.safetensors.index.json");
    const index = JSON.parse(await readFile(file, "utf8"));
    delete index.weight_map["lm_head.weight"];
    await writeFile(file, JSON.stringify(index));
    const lines: string[] = [];
    const outDir = path.join(dir, "out");
    const adapterDirs = [path.join(baseDir, "plain")];
    await mergeAdapters({ baseDir, adapterDirs, outDir, log: (line) => lines.push(line) });
    const weights = await readModelWeights(outDir);
    const expected = await readSafetensorsHeader(path.join(golden, "sharded/plain.safetensors"));
    for (const [name, info] of expected.tensors) {
      const merged = await readTensor(weights.get(name)!);
      assertClose(merged, await readTensor(info), { rtol: 0, atol: 1e-5 });
    }
    const written = JSON.parse(
      await readFile(path.join(outDir, "model.safetensors.index.json"), "utf8"),
    );
    assert.ok("lm_head.weight" in written.weight_map);
    assert.ok(
      lines.some((line) => /lm_head\.weight is in a shard and not in the index/.test(line)),
    );
  });

  test("keeps config.json's text, but for the key that changes", async () => {
    const outDir = path.join(dir, "untied");
    const baseDir = path.join(golden, "tied");
    await mergeAdapters({ baseDir, adapterDirs: [path.join(baseDir, "head")], outDir });
    const text = await readFile(path.join(golden, "tied/config.json"), "utf8");
    assert.match(text, /\d\.0\b/u);
    assert.equal(
      await readFile(path.join(outDir, "config.json"), "utf8"),
      text.replace('"tie_word_embeddings": true', '"tie_word_embeddings": false'),
    );
  });
});
