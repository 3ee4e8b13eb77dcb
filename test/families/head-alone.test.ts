/**
 * A tied model that is stored under its head's name alone, as some exporters write it: transformers 5.23 loads it, and
 * gives it the loss that it has by its embedding's name (14.448519706726074 on ids 1 to 39 of the sample model, either way).
 */
import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { mergeAdapters } from "../../src/merge/adapters/merge-adapters.ts";
import { mergeByMethod } from "../../src/merge/models/merge-by-method.ts";
import { openBaseModel } from "../../src/models/base-model.ts";
import { openTextGenerator } from "../../src/onnx-engine/text-generator.ts";
import { readModelWeights } from "../../src/tensors/model-weights.ts";
import {
  readSafetensorsHeader,
  readTensor,
  readTensorBytes,
  writeSafetensors,
} from "../../src/tensors/safetensors.ts";
import { readBaseTensors } from "../../src/ui/layers/base-tensors.ts";
import { goldenModel } from "../support/llama-golden.ts";
import { refuses } from "../support/refuses.ts";
import { tempDir } from "../support/temp-dir.ts";

const EMBEDDING = "model.embed_tokens.weight";
const HEAD = "lm_head.weight";
const TIED = goldenModel("tied");

/** The golden base with its embedding under the head's name. */
async function headAlone(t: TestContext, from = "tied"): Promise<string> {
  const dir = path.join(tempDir(t), "head-alone");
  cpSync(goldenModel(from), dir, { recursive: true });
  const tensors = [];
  for (const info of (await readModelWeights(goldenModel(from))).values()) {
    if (info.name === HEAD) continue;
    const name = info.name === EMBEDDING ? HEAD : info.name;
    const { dtype, shape } = info;
    tensors.push({ name, dtype, shape, data: await readTensorBytes(info) });
  }
  await writeSafetensors(path.join(dir, "model.safetensors"), tensors);
  return dir;
}

async function contents(dir: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const [name, info] of await readModelWeights(dir)) {
    found[name] = Buffer.from(await readTensorBytes(info)).toString("base64");
  }
  return found;
}

test("it opens, and generates what transformers generates with and without an adapter", async (t) => {
  const dir = await headAlone(t);
  assert.deepEqual([...(await openBaseModel(dir)).weights.keys()].includes(EMBEDDING), true);
  const { tensors } = await readSafetensorsHeader(goldenModel("tied", "generated.safetensors"));
  const golden = async (name: string) => [...(await readTensor(tensors.get(name)!))];
  const greedy = { maxTokens: 8, temperature: 0, seed: 1, stopIds: [] };
  for (const [name, adapterDir] of [
    ["base", undefined],
    ["lora", path.join(TIED, "adapter")],
  ] as const) {
    const generator = await openTextGenerator({ baseDir: dir, adapterDir, threads: 1 });
    t.after(() => generator.dispose());
    const made = await generator.generate(await golden("prompt"), greedy);
    assert.deepEqual(made, await golden(name), name);
  }
});

test("an adapter merges into it, and it merges with others, as with the embedding's name", async (t) => {
  const dir = await headAlone(t);
  const out = tempDir(t);
  const adapterDirs = [path.join(TIED, "adapter")];
  for (const [index, baseDir] of [TIED, dir].entries()) {
    await mergeAdapters({ baseDir, adapterDirs, outDir: path.join(out, `adapter-${index}`) });
    await mergeByMethod({
      request: {
        config: {
          merge_method: "linear",
          models: [TIED, baseDir].map((model, i) => ({ model, parameters: { weight: i + 1 } })),
        },
        where: (keys) => keys.join("."),
        seed: 0,
      },
      outDir: path.join(out, `models-${index}`),
    });
  }
  for (const kind of ["adapter", "models"]) {
    const [expected, found] = [path.join(out, `${kind}-0`), path.join(out, `${kind}-1`)];
    assert.deepEqual(await contents(found), await contents(expected), kind);
  }
});

test("the layers that can be chosen are the same", async (t) => {
  const names = async (dir: string) => (await readBaseTensors(dir)).map(({ name }) => name);
  assert.deepEqual((await names(await headAlone(t))).toSorted(), (await names(TIED)).toSorted());
});

test("one that the config does not tie lacks its embedding, which transformers would draw anew", async (t) => {
  const dir = await headAlone(t, "untied");
  await refuses(openBaseModel(dir), /tensor model\.embed_tokens\.weight \[.*\] is missing/);
});
