/** Every shape of adapter that PEFT loads, evaluated and generated with (goldens by test/golden/peft-shapes/make.py). */
import assert from "node:assert/strict";
import path from "node:path";
import { after, test } from "node:test";
import { openEvaluationEngine } from "../../src/onnx-engine/onnx-engine.ts";
import { openTextGenerator } from "../../src/onnx-engine/text-generator.ts";
import { assertClose } from "../support/assert-close.ts";
import { countedIn, goldenModel, readBatch } from "../support/llama-golden.ts";
import { PEFT_SHAPES, baseOf, expectedOf, peftShape } from "../support/peft-shapes.ts";

/** float32 on both sides; of `coarse` PEFT computes with the rounded copy of the embedding. */
const TOLERANCE = (name: string) => ({ rtol: name === "coarse" ? 3e-4 : 1e-5 });

const engines: { dispose(): Promise<void> }[] = [];
after(async () => {
  for (const engine of engines) await engine.dispose();
});

async function lossOf(name: string, adapterDir = peftShape(name)): Promise<number> {
  const baseDir = goldenModel(baseOf(name));
  const engine = await openEvaluationEngine({ baseDir, adapterDir, maxLength: 32, threads: 1 });
  engines.push(engine);
  const batch = await readBatch(baseOf(name));
  return (await engine.evaluate(batch)).lossSum / countedIn(batch);
}

for (const name of PEFT_SHAPES) {
  test(`${name}: PEFT's loss`, async () => {
    const { loss } = await expectedOf(name);
    assertClose([await lossOf(name)], [loss], TOLERANCE(name), name);
  });
}

test("an adapter is given as a file of its folder too", async () => {
  const { loss } = await expectedOf("tokens");
  for (const file of ["adapter_model.safetensors", "adapter_config.json"]) {
    const found = await lossOf("tokens", path.join(peftShape("tokens"), file));
    assertClose([found], [loss], { rtol: 1e-5 }, file);
  }
});

test("text is generated with each: evaluation finds every greedy token most likely", async () => {
  for (const name of ["dora-embedding", "whole-embedding", "tokens", "grown-lora", "p-tuning"]) {
    const options = { baseDir: goldenModel(baseOf(name)), adapterDir: peftShape(name), threads: 1 };
    const generator = await openTextGenerator(options);
    engines.push(generator);
    const prompt = [5, 17, 80, 2, 41];
    const greedy = { maxTokens: 12, temperature: 0, seed: 1, stopIds: [] };
    const generated = await generator.generate(prompt, greedy);
    const engine = await openEvaluationEngine({ ...options, maxLength: 32 });
    engines.push(engine);
    const ids = Int32Array.from([...prompt, ...generated]);
    const weights = Float32Array.from(ids, (_, at) => (at < prompt.length ? 0 : 1));
    assert.equal((await engine.evaluate([{ ids, weights, line: 1 }])).correct, 12, name);
  }
});
