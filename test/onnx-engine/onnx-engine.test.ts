/** The compiled training step against PyTorch + transformers + PEFT (goldens by make_llama.py). */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Method } from "../../src/protocol/methods.ts";
import { assertClose } from "../support/assert-close.ts";
import {
  GOLDEN_PLANS,
  LOSS_TOLERANCE,
  checkEvaluation,
  checkFullStep,
  checkLoraStep,
  gradientsOf,
  openGolden,
  setAdapter,
} from "../support/golden-steps.ts";
import { countedIn, readBatch, readExpected } from "../support/llama-golden.ts";

const variants: Record<string, Method> = {
  tied: { type: "lora", rank: 4, alpha: 8, dropout: 0, targets: "all-linear", variant: "lora" },
  untied: {
    type: "lora",
    rank: 3,
    alpha: 6,
    dropout: 0,
    targets: ["q_proj", "down_proj", "lm_head"],
    variant: "rslora",
  },
};

for (const [variant, method] of Object.entries(variants)) {
  for (const [how, cut] of Object.entries(GOLDEN_PLANS)) {
    test(`${variant}: full fine-tuning, ${how}, has PyTorch's loss and gradients`, () =>
      checkFullStep(variant, cut));

    test(`${variant}: LoRA, ${how}, has PEFT's loss and gradients`, () =>
      checkLoraStep(variant, method, cut));
  }

  test(`${variant}: an adapter that PEFT saved evaluates to PEFT's loss`, () =>
    checkEvaluation(variant));
}

test("two micro-batches add up to the gradient of one batch", async () => {
  const engine = await openGolden("tied", variants["tied"]!);
  const batch = await readBatch("tied");
  const whole = await gradientsOf(engine, batch);
  const into = new Float32Array(engine.parameters.length);
  const scale = 1 / countedIn(batch);
  for (const part of [batch.slice(0, 1), batch.slice(1)]) {
    await engine.accumulateGradients(part, { scale, dropoutSeed: 1, into });
  }
  assertClose(into, whole.into, { rtol: 1e-5 }, "gradient");
});

test("dropout masks follow their seed, and rate 0 is no dropout", async () => {
  const method = { ...variants["tied"]!, dropout: 0.5 } as Method;
  const engine = await openGolden("tied", method);
  await setAdapter(engine, "tied");
  const batch = await readBatch("tied");
  const run = async (dropoutSeed: number): Promise<Float32Array> => {
    const into = new Float32Array(engine.parameters.length);
    await engine.accumulateGradients(batch, { scale: 1, dropoutSeed, into });
    return into;
  };
  const [first, again, other] = [await run(7), await run(7), await run(8)];
  assert.deepEqual(first, again);
  assert.notDeepEqual(first, other);
  // Without training there is no dropout: the evaluation is PEFT's.
  const { floats } = await readExpected("tied");
  const { lossSum, counted } = await engine.evaluate(batch);
  assertClose([lossSum / counted], await floats("lora_loss"), LOSS_TOLERANCE, "loss");
});

test("the mean loss over many dropout masks is near the loss without dropout", async () => {
  const engine = await openGolden("tied", { ...variants["tied"]!, dropout: 0.1 } as Method);
  await setAdapter(engine, "tied");
  const batch = await readBatch("tied");
  const into = new Float32Array(engine.parameters.length);
  let sum = 0;
  const draws = 64;
  for (let seed = 0; seed < draws; seed++) {
    sum += (await engine.accumulateGradients(batch, { scale: 1, dropoutSeed: seed, into })).lossSum;
  }
  const { lossSum } = await engine.evaluate(batch);
  assertClose([sum / draws], [lossSum], { rtol: 0.05 }, "mean loss");
});
