/** LoRA+ against PEFT's create_loraplus_optimizer (golden by test/golden/trainer/make_loraplus.py). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { recipeSchema } from "../../../src/protocol/recipe.ts";
import { methodSchema } from "../../../src/protocol/methods.ts";
import { openTrainingEngine } from "../../../src/onnx-engine/onnx-engine.ts";
import { openBaseModel } from "../../../src/models/base-model.ts";
import { initAdamW, updateAdamW } from "../../../src/training/optimizer.ts";
import { parameterRanges } from "../../../src/training/parameter-ranges.ts";
import { readSafetensorsHeader, readTensor } from "../../../src/tensors/safetensors.ts";
import { assertClose } from "../../support/assert-close.ts";
import { countedIn, goldenModel, readBatch } from "../../support/llama-golden.ts";

/** As make_loraplus.py. */
const STEPS = 5;
/** A share of each tensor's largest value, after five steps of up to 1.6e-2; gradients are the engine's own. */
const TOLERANCE = { rtol: 1e-5 };

const CASES = {
  lora: { type: "lora", rank: 2, alpha: 4, targets: ["q_proj", "v_proj", "down_proj"] },
  dora: {
    type: "lora",
    variant: "dora",
    rank: 2,
    alpha: 4,
    targets: ["q_proj"],
    modulesToSave: ["model.norm"],
  },
};

const { tensors } = await readSafetensorsHeader(
  fileURLToPath(new URL("../../golden/trainer/loraplus.safetensors", import.meta.url)),
);
const floats = (name: string): Promise<Float32Array> => readTensor(tensors.get(name)!);

for (const [name, settings] of Object.entries(CASES)) {
  test(`${name}: learning rates and steps are those of PEFT's LoRA+`, async () => {
    const [learningRate = 0, loraPlusRatio, weightDecay = 0] = await floats(`${name}.settings`);
    const method = methodSchema.parse({ ...settings, loraPlusRatio });
    const baseDir = goldenModel("tied");
    const engine = await openTrainingEngine({
      base: await openBaseModel(baseDir),
      method,
      seed: 1,
      maxLength: 32,
      threads: 1,
    });
    try {
      const { trainables, parameters } = engine;
      const recipe = recipeSchema.parse({
        base: baseDir,
        data: { train: "x.jsonl" },
        optimizer: { learningRate, weightDecay },
      });
      const optimizer = { ...recipe.optimizer, learningRate };
      const ranges = parameterRanges(trainables, { method, optimizer });
      for (const [index, { name: tensor, offset }] of trainables.entries()) {
        const [rate] = await floats(`${name}.rate.${tensor}`);
        assertClose([learningRate * ranges[index]!.rate], [rate!], { rtol: 1e-6 }, tensor);
        parameters.set(await floats(`${name}.start.${tensor}`), offset);
      }
      const batch = await readBatch("tied");
      const state = initAdamW(parameters.length);
      for (let step = 0; step < STEPS; step++) {
        const into = new Float32Array(parameters.length);
        const scale = 1 / countedIn(batch);
        await engine.accumulateGradients(batch, { scale, dropoutSeed: step, into });
        updateAdamW({ parameters, gradients: into }, state, ranges, optimizer);
      }
      for (const { name: tensor, offset, length } of trainables) {
        const after = await floats(`${name}.after.${tensor}`);
        assert.notDeepEqual(after, await floats(`${name}.start.${tensor}`));
        assertClose(parameters.subarray(offset, offset + length), after, TOLERANCE, tensor);
      }
    } finally {
      await engine.dispose();
    }
  });
}
