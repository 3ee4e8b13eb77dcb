/** Every family's compiled step and cached decoding against transformers + PEFT (goldens by make_families.py). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bfloat16Processor } from "../../src/onnx-engine/openvino-device.ts";
import { openTextGenerator } from "../../src/onnx-engine/text-generator.ts";
import { methodSchema } from "../../src/protocol/methods.ts";
import {
  GOLDEN_PLANS,
  checkEvaluation,
  checkFullStep,
  checkLoraStep,
  gradientsOf,
  openGolden,
} from "../support/golden-steps.ts";
import { goldenModel, readBatch, readExpected } from "../support/llama-golden.ts";
import { readSafetensorsHeader, readTensor } from "../../src/tensors/safetensors.ts";

const MODELS = ["qwen2"];
const LORA = methodSchema.parse({ type: "lora", rank: 3, alpha: 6, dropout: 0 });
const PLANS = Object.entries(GOLDEN_PLANS);
/** How far bfloat16's gradients, with eight bits of mantissa, are from float32's, all together. */
const BFLOAT16_ERROR = 0.03;

for (const model of MODELS) {
  for (const [how, plan] of PLANS) {
    test(`${model}: full fine-tuning, ${how}, has PyTorch's loss and gradients`, () =>
      checkFullStep(model, plan));

    test(`${model}: LoRA, ${how}, has PEFT's loss and gradients`, () =>
      checkLoraStep(model, LORA, plan));
  }

  test(`${model}: an adapter that PEFT saved evaluates to PEFT's loss`, () =>
    checkEvaluation(model));

  test(`${model}: seventy tokens from the cache are transformers'`, async () => {
    const { tensors } = await readSafetensorsHeader(goldenModel(model, "generated.safetensors"));
    const ids = async (name: string): Promise<number[]> => [
      ...(await readTensor(tensors.get(name)!)),
    ];
    const prompt = await ids("prompt");
    const greedy = { maxTokens: 70, temperature: 0, seed: 1, stopIds: [] };
    const baseDir = goldenModel(model);
    const base = await openTextGenerator({ baseDir, threads: 1 });
    assert.deepEqual(await base.generate(prompt, greedy), await ids("base"));
    assert.deepEqual(await base.generate(prompt.slice(0, 1), greedy), await ids("base.one"));
    await base.dispose();
    const adapterDir = goldenModel(model, "adapter");
    const adapted = await openTextGenerator({ baseDir, adapterDir, threads: 1 });
    assert.deepEqual(await adapted.generate(prompt, greedy), await ids("lora"));
    await adapted.dispose();
  });

  test(`${model}: the gradients in bfloat16 are PyTorch's, as near as bfloat16 is`, async (t) => {
    const found = await bfloat16Processor(() => {});
    if ("missing" in found) {
      t.skip(found.missing);
      return;
    }
    const { floats } = await readExpected(model);
    const method = methodSchema.parse({ type: "full" });
    const engine = await openGolden(model, method, { device: found.device });
    const { into } = await gradientsOf(engine, await readBatch(model));
    let [error, size] = [0, 0];
    for (const { name, offset, length } of engine.trainables) {
      const expected = await floats(`grad.${name}`);
      for (let i = 0; i < length; i++) {
        error += (into[offset + i]! - expected[i]!) ** 2;
        size += expected[i]! ** 2;
      }
    }
    const relative = Math.sqrt(error / size);
    assert.ok(relative < BFLOAT16_ERROR, `${relative}`);
    assert.ok(relative > 1e-5, `${relative}: was this bfloat16?`);
  });
}
