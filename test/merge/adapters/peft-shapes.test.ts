/** Every shape of adapter that PEFT loads, merged: PEFT's tensors (goldens by test/golden/peft-shapes/make.py). */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { mergeAdapters } from "../../../src/merge/adapters/merge-adapters.ts";
import { combineAdapters } from "../../../src/merge/adapters/combined-adapter.ts";
import { openEvaluationEngine } from "../../../src/onnx-engine/onnx-engine.ts";
import { readModelWeights } from "../../../src/tensors/model-weights.ts";
import { readTensor, readTensorBytes, writeSafetensors } from "../../../src/tensors/safetensors.ts";
import { sourceOf } from "../../../src/adapter-files/peft/vocabulary.ts";
import { assertClose } from "../../support/assert-close.ts";
import { countedIn, goldenModel, readBatch } from "../../support/llama-golden.ts";
import {
  PEFT_SHAPES,
  baseOf,
  expectedOf,
  isMergeable,
  peftShape,
} from "../../support/peft-shapes.ts";
import { refuses } from "../../support/refuses.ts";
import { writeWideBase } from "../../support/wide-base.ts";

/** One rounding of float32; of `coarse` PEFT's tensor is the rounded copy. */
const TOLERANCE = (name: string) =>
  name === "coarse" ? { rtol: 0, atol: 2e-3 } : { rtol: 1e-6, atol: 2e-7 };
/** DoRA divides by norms of a whole table, which we sum in double precision. */
const DORA_TOLERANCE = { rtol: 2e-6, atol: 2e-7 };

const dir = mkdtempSync(path.join(tmpdir(), "retune-peft-shapes-"));
after(() => rmSync(dir, { recursive: true }));
let count = 0;

const wideBase = (name: string): Promise<string> =>
  writeWideBase(baseOf(name), path.join(dir, `base-${baseOf(name)}`));

async function merge(baseDir: string, adapterDir: string, weight?: number): Promise<string> {
  const outDir = path.join(dir, `out-${count++}`);
  const weights = weight === undefined ? undefined : [weight];
  await mergeAdapters({ baseDir, adapterDirs: [adapterDir], weights, outDir });
  return outDir;
}

async function lossOf(model: { baseDir: string; adapterDir?: string }): Promise<number> {
  const engine = await openEvaluationEngine({ ...model, maxLength: 32, threads: 1 });
  try {
    const batch = await readBatch("tied");
    return (await engine.evaluate(batch)).lossSum / countedIn(batch);
  } finally {
    await engine.dispose();
  }
}

const config = (folder: string): Record<string, unknown> =>
  JSON.parse(readFileSync(path.join(folder, "config.json"), "utf8"));

for (const name of PEFT_SHAPES.filter(isMergeable)) {
  test(`${name}: PEFT's tensors, all others as they were, and the adapter's loss`, async () => {
    const base = await wideBase(name);
    const out = await merge(base, peftShape(name));
    const { loss, merged } = await expectedOf(name);
    const [ours, before] = [await readModelWeights(out), await readModelWeights(base)];
    for (const [tensor, info] of merged) {
      const found = ours.get(tensor);
      assert.deepEqual(found?.shape, info.shape, tensor);
      const tolerance = name.startsWith("dora") ? DORA_TOLERANCE : TOLERANCE(name);
      assertClose(await readTensor(found), await readTensor(info), tolerance, tensor);
    }
    for (const [tensor, info] of ours) {
      if (merged.has(tensor)) continue;
      const source = sourceOf({ dir: base, config: config(base), weights: before }, tensor);
      assert.deepEqual(await readTensor(info), await readTensor(source!), tensor);
    }
    const rtol = name === "coarse" ? 3e-4 : 1e-5;
    assertClose([await lossOf({ baseDir: out })], [loss], { rtol }, "loss");
  });
}

test("a pair stays tied where PEFT's merge leaves it so, and config.json says what is written", async () => {
  const cases: Record<string, [boolean, number]> = {
    "whole-embedding": [false, 96],
    "whole-head": [false, 96],
    "kept-tie-whole": [true, 96],
    tokens: [true, 96],
    grown: [true, 100],
    "grown-whole": [false, 100],
    "grown-tokens": [true, 100],
  };
  for (const [name, [isTied, rows]] of Object.entries(cases)) {
    const out = await merge(await wideBase(name), peftShape(name));
    const { tie_word_embeddings: tied, vocab_size: size } = config(out);
    assert.deepEqual([tied, size], [isTied, rows], name);
    assert.equal((await readModelWeights(out)).has("lm_head.weight"), !isTied, name);
  }
});

test("a tied base that holds the pair twice is as one that holds it once", async () => {
  const once = await wideBase("tokens");
  const twice = path.join(dir, "twice");
  cpSync(once, twice, { recursive: true });
  const weights = await readModelWeights(once);
  const tensors = [...weights.values()].map(async (info) => ({
    name: info.name,
    dtype: info.dtype,
    shape: info.shape,
    data: await readTensorBytes(info),
  }));
  const table = await readTensorBytes(weights.get("model.embed_tokens.weight")!);
  const head = { name: "lm_head.weight", dtype: "F32" as const, shape: [96, 32], data: table };
  const all = [...(await Promise.all(tensors)), head];
  await writeSafetensors(path.join(twice, "model.safetensors"), all, { format: "pt" });
  for (const name of [
    "tokens",
    "whole-embedding",
    "whole-head",
    "kept-tie-whole",
    "grown",
    "lora-head",
  ]) {
    const { loss } = await expectedOf(name);
    const evaluated = await lossOf({ baseDir: twice, adapterDir: peftShape(name) });
    assertClose([evaluated], [loss], { rtol: 1e-5 }, name);
    const out = await merge(twice, peftShape(name));
    assertClose([await lossOf({ baseDir: out })], [loss], { rtol: 1e-5 }, `${name}, merged`);
    const hasHead = (await readModelWeights(out)).has("lm_head.weight");
    assert.equal(hasHead, config(out)["tie_word_embeddings"] === false, name);
  }
});

test("a bfloat16 base stays bfloat16, also where the adapter brings its table in float32", async () => {
  const out = await readModelWeights(await merge(goldenModel("untied"), peftShape("grown-untied")));
  assert.equal(out.get("model.embed_tokens.weight")?.dtype, "BF16");
  assert.deepEqual(new Set([...out.values()].map(({ dtype }) => dtype)), new Set(["BF16"]));
});

/** The reference that a weighted merge is checked against is the same model. */
for (const name of [
  "whole-embedding",
  "whole-head",
  "whole-both",
  "tokens",
  "tokens-apart",
  "grown-whole",
]) {
  test(`${name}: a share of the change, merged and as the adapter that equals it`, async () => {
    const base = await wideBase(name);
    const out = await merge(base, peftShape(name), 0.25);
    const before = {
      dir: base,
      config: config(base),
      weights: await readModelWeights(base),
    };
    const ours = await readModelWeights(out);
    const { merged } = await expectedOf(name);
    for (const [tensor, info] of merged) {
      const from = await readTensor(sourceOf(before, tensor)!);
      const to = await readTensor(info);
      const expected = from.map((value, i) => value + 0.25 * (to[i]! - value));
      // Rows that the base has not begin as the adapter's own copy of them.
      const found = (await readTensor(ours.get(tensor)!)).subarray(0, expected.length);
      assertClose(found, expected, { rtol: 1e-6, atol: 2e-7 }, tensor);
    }
    const combined = path.join(dir, `combined-${count++}`);
    await combineAdapters(combined, {
      baseDir: base,
      adapterDirs: [peftShape(name)],
      weights: [0.25],
    });
    const loss = await lossOf({ baseDir: out });
    const apart = await lossOf({ baseDir: base, adapterDir: combined });
    assertClose([apart], [loss], { rtol: 1e-5 }, "loss");
  });
}

test("what took the place of the base's own can't be taken out again", async () => {
  for (const name of ["whole-head", "tokens"]) {
    const base = await wideBase(name);
    const baseDir = await merge(base, peftShape(name));
    const outDir = path.join(dir, `out-${count++}`);
    const adapterDirs = [peftShape(name)];
    await refuses(
      mergeAdapters({ baseDir, adapterDirs, outDir, unmerge: true }),
      /took the place of the base's own.*go back to the base/,
    );
  }
});
