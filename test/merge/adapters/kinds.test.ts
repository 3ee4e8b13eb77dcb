/** Every method that can be merged: tensors as PEFT's merge_and_unload makes them, and the adapter's own loss. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { mergeAdapters } from "../../../src/merge/adapters/merge-adapters.ts";
import { openEvaluationEngine } from "../../../src/onnx-engine/onnx-engine.ts";
import { readModelWeights } from "../../../src/tensors/model-weights.ts";
import { readSafetensorsHeader, readTensor } from "../../../src/tensors/safetensors.ts";
import { ADAPTER_CASES, adapterGolden } from "../../support/adapter-cases.ts";
import { assertClose } from "../../support/assert-close.ts";
import { countedIn, readBatch } from "../../support/llama-golden.ts";
import { refuses } from "../../support/refuses.ts";
import { writeWideBase } from "../../support/wide-base.ts";

const dir = mkdtempSync(path.join(tmpdir(), "retune-merge-methods-"));
after(() => rmSync(dir, { recursive: true }));
let count = 0;

const wideBase = (variant: string): Promise<string> =>
  writeWideBase(variant, path.join(dir, `base-${variant}`));

async function merge(baseDir: string, adapterDirs: string[], weights?: number[]): Promise<string> {
  const outDir = path.join(dir, `out-${count++}`);
  await mergeAdapters({ baseDir, adapterDirs, weights, outDir });
  return outDir;
}

async function lossOf(baseDir: string, variant: string): Promise<number> {
  const engine = await openEvaluationEngine({ baseDir, maxLength: 32, threads: 1 });
  try {
    const batch = await readBatch(variant);
    return (await engine.evaluate(batch)).lossSum / countedIn(batch);
  } finally {
    await engine.dispose();
  }
}

const MERGEABLE = Object.entries(ADAPTER_CASES).filter(([, { method }]) =>
  ["lora", "ia3"].includes(method.type),
);

for (const [name, { variant }] of MERGEABLE) {
  test(`${name}: PEFT's tensors, all others as they were, and the adapter's loss`, async () => {
    const base = await wideBase(variant);
    const out = await merge(base, [adapterGolden(name)]);
    const [ours, before] = [await readModelWeights(out), await readModelWeights(base)];
    const { tensors } = await readSafetensorsHeader(
      path.join(adapterGolden(name), "merged.safetensors"),
    );
    assert.ok(tensors.size > 0);
    for (const [tensor, info] of tensors) {
      const expected = await readTensor(info);
      assertClose(
        await readTensor(ours.get(tensor)!),
        expected,
        { rtol: 1e-6, atol: 1e-7 },
        tensor,
      );
    }
    for (const [tensor, info] of before) {
      if (tensors.has(tensor)) continue;
      assert.deepEqual(await readTensor(ours.get(tensor)!), await readTensor(info), tensor);
    }
    const expected = await readSafetensorsHeader(
      path.join(adapterGolden(name), "expected.safetensors"),
    );
    const loss = await readTensor(expected.tensors.get("loss")!);
    assertClose([await lossOf(out, variant)], loss, { rtol: 1e-5 }, "loss");
  });
}

test("a weight makes that share of the change, of every method", async () => {
  for (const name of ["patterns", "ia3", "dora", "modules"]) {
    const { variant } = ADAPTER_CASES[name]!;
    const base = await wideBase(variant);
    const out = await readModelWeights(await merge(base, [adapterGolden(name)], [0.25]));
    const before = await readModelWeights(base);
    const { tensors } = await readSafetensorsHeader(
      path.join(adapterGolden(name), "merged.safetensors"),
    );
    for (const [tensor, info] of tensors) {
      const [from, to] = [await readTensor(before.get(tensor)!), await readTensor(info)];
      const expected = from.map((value, i) => value + 0.25 * (to[i]! - value));
      const tolerance = { rtol: 1e-6, atol: 1e-7 };
      assertClose(await readTensor(out.get(tensor)!), expected, tolerance, `${name} ${tensor}`);
    }
  }
});

test("weight 0 is the base, bit for bit, and weight 1 is no weight", async () => {
  const base = await wideBase("tied");
  const adapter = adapterGolden("patterns");
  const bytes = (folder: string): Buffer => readFileSync(path.join(folder, "model.safetensors"));
  const none = await merge(base, [adapter], [0]);
  for (const [name, info] of await readModelWeights(none)) {
    const own = (await readModelWeights(base)).get(name)!;
    assert.deepEqual(await readTensor(info), await readTensor(own), name);
  }
  assert.deepEqual(bytes(await merge(base, [adapter], [1])), bytes(await merge(base, [adapter])));
});

test("what cannot be merged is refused in a line that names it, and every mismatch is told", async () => {
  const base = await wideBase("tied");
  const onto = (name: string, ...weights: number[]): Promise<string> =>
    merge(base, [adapterGolden(name)], weights.length > 0 ? weights : undefined);
  await refuses(onto("prompt-tuning"), /PROMPT_TUNING.*only LORA and IA3 can be merged/);
  await refuses(onto("prefix-tuning"), /PREFIX_TUNING.*only LORA and IA3 can be merged/);
  await refuses(onto("ia3", 1, 2), /1 adapters and 2 weights are given/);
  await refuses(onto("ia3-biased"), /made for another base; .*made for another base/);
  await refuses(onto("dora-biased"), /; and \d+ more$/);
});

test("a base with NaN is refused, and the tensor named", async () => {
  const base = await wideBase("tied");
  const damaged = path.join(dir, "damaged");
  cpSync(base, damaged, { recursive: true });
  const file = path.join(damaged, "model.safetensors");
  const info = (await readModelWeights(base)).get("model.layers.1.mlp.down_proj.weight")!;
  const bytes = readFileSync(file);
  bytes.writeFloatLE(Number.NaN, info.byteOffset + 40);
  writeFileSync(file, bytes);
  await refuses(
    merge(damaged, [adapterGolden("patterns")]),
    /tensor model\.layers\.1\.mlp\.down_proj\.weight holds NaN: the base is damaged/,
  );
});
