/** One adapter that equals several: the reference that a merge of them is checked against. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { mergeAdapters } from "../../../src/merge/adapters/merge-adapters.ts";
import { combineAdapters } from "../../../src/merge/adapters/combined-adapter.ts";
import { openEvaluationEngine } from "../../../src/onnx-engine/onnx-engine.ts";
import { fromFloat32 } from "../../../src/tensors/dtype.ts";
import { readModelWeights } from "../../../src/tensors/model-weights.ts";
import {
  readSafetensorsHeader,
  readTensor,
  writeSafetensors,
} from "../../../src/tensors/safetensors.ts";
import { ADAPTER_CASES, adapterGolden } from "../../support/adapter-cases.ts";
import { assertClose } from "../../support/assert-close.ts";
import { countedIn, readBatch } from "../../support/llama-golden.ts";
import { peftShape } from "../../support/peft-shapes.ts";
import { refuses } from "../../support/refuses.ts";
import { writeWideBase } from "../../support/wide-base.ts";

const dir = mkdtempSync(path.join(tmpdir(), "retune-combined-"));
after(() => rmSync(dir, { recursive: true }));
let count = 0;
const fresh = (): string => path.join(dir, `out-${count++}`);

const CASES: Record<string, { variant: string; names: string[]; weights: number[] }> = {
  "two LoRA adapters of other ranks, rsLoRA among them": {
    variant: "tied",
    names: ["patterns", "embedding"],
    weights: [0.75, -0.5],
  },
  "a share of modules that were trained whole": {
    variant: "untied",
    names: ["modules"],
    weights: [0.25],
  },
  "a share of (IA)³, biases included": { variant: "untied", names: ["ia3-biased"], weights: [0.5] },
};

for (const [name, { variant, names, weights }] of Object.entries(CASES)) {
  test(`${name}: merged as one it is the same model, and the engine computes it`, async () => {
    const baseDir = await writeWideBase(variant, path.join(dir, `base-${count++}`));
    const adapterDirs = names.map(adapterGolden);
    const [apart, combined, together] = [fresh(), fresh(), fresh()];
    await mergeAdapters({ baseDir, adapterDirs, weights, outDir: apart });
    await combineAdapters(combined, { baseDir, adapterDirs, weights });
    await mergeAdapters({ baseDir, adapterDirs: [combined], outDir: together });
    const expected = await readModelWeights(apart);
    for (const [tensor, info] of await readModelWeights(together)) {
      const own = await readTensor(expected.get(tensor)!);
      assertClose(await readTensor(info), own, { rtol: 1e-6, atol: 1e-7 }, tensor);
    }
    const batch = await readBatch(variant);
    const loss = async (model: { baseDir: string; adapterDir?: string }): Promise<number> => {
      const engine = await openEvaluationEngine({ ...model, maxLength: 32, threads: 1 });
      const { lossSum } = await engine.evaluate(batch);
      await engine.dispose();
      return lossSum / countedIn(batch);
    };
    const merged = await loss({ baseDir: apart });
    assertClose([await loss({ baseDir, adapterDir: combined })], [merged], { rtol: 1e-5 });
    assert.ok(Math.abs((await loss({ baseDir })) - merged) > 1e-3, "the adapters do something");
  });
}

test("what no single adapter equals is told", async () => {
  const baseDir = await writeWideBase("tied", path.join(dir, "base"));
  const combine = (names: string[], weights: number[]): Promise<void> =>
    combineAdapters(fresh(), { baseDir, adapterDirs: names.map(adapterGolden), weights });
  await refuses(
    combine(["dora"], [0.5]),
    /dora is DoRA's: a share of its change equals no adapter/,
  );
  await refuses(
    combine(["patterns", "ia3"], [1, 1]),
    /LORA and IA3 together equal no single adapter/,
  );
  assert.ok(ADAPTER_CASES["dora"]);
});

for (const [what, { variant, folder, trained, tensor }] of Object.entries({
  module: {
    variant: "untied",
    folder: adapterGolden("modules"),
    trained: "norm.weight",
    tensor: "model.norm.weight",
  },
  "token's row": {
    variant: "tied",
    folder: peftShape("tokens"),
    trained: "trainable_tokens_delta",
    tensor: "model.embed_tokens.weight",
  },
})) {
  test(`a ${what} that was trained whole is taken as it is, whatever the base has there`, async () => {
    const baseDir = await writeWideBase(variant, path.join(dir, `base-${count++}`));
    const [adapterDir, apart, combined] = [fresh(), fresh(), fresh()];
    cpSync(folder, adapterDir, { recursive: true });
    const file = path.join(adapterDir, "adapter_model.safetensors");
    const tensors = [...(await readSafetensorsHeader(file)).tensors.values()];
    const changed = tensors.map(async (info) => {
      const own = await readTensor(info);
      // So small that adding the difference to the base's value loses digits.
      const values = info.name.endsWith(trained) ? own.map((_, i) => 1e-12 * Math.sin(i + 1)) : own;
      return { ...info, dtype: "F32" as const, data: fromFloat32(values, "F32") };
    });
    await writeSafetensors(file, await Promise.all(changed));
    await mergeAdapters({ baseDir, adapterDirs: [adapterDir], outDir: apart });
    await combineAdapters(combined, { baseDir, adapterDirs: [adapterDir], weights: [1] });
    const written = await readSafetensorsHeader(path.join(combined, "adapter_model.safetensors"));
    const found = written.tensors.get(`base_model.model.${tensor}`);
    const expected = (await readModelWeights(apart)).get(tensor);
    assert.deepEqual(await readTensor(found!), await readTensor(expected!));
  });
}
