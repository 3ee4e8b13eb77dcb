/** The compiled step of a golden model beside what PyTorch, transformers and PEFT made of it. */
import assert from "node:assert/strict";
import { after } from "node:test";
import type { Example } from "../../src/data/example.ts";
import { openBaseModel } from "../../src/models/base-model.ts";
import type { Device } from "../../src/onnx-engine/device.ts";
import { openEvaluationEngine, openTrainingEngine } from "../../src/onnx-engine/onnx-engine.ts";
import type { StepPlan } from "../../src/onnx-engine/step-form.ts";
import type { OnnxTrainingEngine } from "../../src/onnx-engine/training-engine.ts";
import type { Method } from "../../src/protocol/methods.ts";
import { readSafetensorsHeader, readTensor } from "../../src/tensors/safetensors.ts";
import { assertClose } from "./assert-close.ts";
import { stepPlan } from "./step-plans.ts";
import { countedIn, goldenModel, readBatch, readExpected } from "./llama-golden.ts";

/** Relative to each tensor's largest value, float32 on both sides. */
const GRADIENT_TOLERANCE = { rtol: 1e-4, atol: 1e-9 };
export const LOSS_TOLERANCE = { rtol: 1e-5 };

export async function gradientsOf(engine: OnnxTrainingEngine, batch: readonly Example[]) {
  const into = new Float32Array(engine.parameters.length);
  const counted = countedIn(batch);
  const sums = await engine.accumulateGradients(batch, {
    scale: 1 / counted,
    dropoutSeed: 1,
    into,
  });
  assert.equal(sums.counted, counted);
  return { loss: sums.lossSum / sums.counted, into };
}

const engines: { dispose(): Promise<void> }[] = [];
after(() => Promise.all(engines.map((engine) => engine.dispose())));

export async function openGolden(
  variant: string,
  method: Method,
  { plan, device }: { plan?: StepPlan; device?: Device } = {},
): Promise<OnnxTrainingEngine> {
  const engine = await openTrainingEngine({
    plan,
    device,
    base: await openBaseModel(goldenModel(variant)),
    method,
    seed: 1,
    maxLength: 32,
    threads: 1,
  });
  engines.push(engine);
  return engine;
}

/** Off the values that it begins with: LoRA's B starts as zeros, where A has no gradient. */
export function moveParameters({ parameters }: OnnxTrainingEngine): void {
  parameters.forEach((value, i) => (parameters[i] = value + 0.02 * Math.sin(i)));
}

export async function setAdapter(engine: OnnxTrainingEngine, variant: string): Promise<void> {
  const file = goldenModel(variant, "adapter/adapter_model.safetensors");
  const { tensors } = await readSafetensorsHeader(file);
  for (const { name, offset } of engine.trainables) {
    engine.parameters.set(await readTensor(tensors.get(name)!), offset);
  }
}

/** Ways to cut one and the same step: all of them give PyTorch's numbers. */
export const GOLDEN_PLANS: Record<string, StepPlan> = {
  "in one piece": stepPlan({}),
  "by blocks of queries": stepPlan({ blocks: 3 }),
  "a row at a time": { ...stepPlan({}), maxTokens: 1 },
  "packed weights": { ...stepPlan({}), prepack: true },
  "the head by rows": stepPlan({ rowChunks: 3 }),
  "the head by slices of the vocabulary": stepPlan({ vocabularyChunks: 3 }),
  "recomputing what is cheap": stepPlan({ blocks: 2, kept: "costly" }),
  "recomputing layers": {
    ...stepPlan({ blocks: 2, rowChunks: 2, kept: "layers" }),
    maxTokens: 20,
  },
};

/** Every gradient of full fine-tuning and the loss. */
export async function checkFullStep(variant: string, plan: StepPlan): Promise<void> {
  const { floats } = await readExpected(variant);
  const engine = await openGolden(variant, { type: "full", init: "base" }, { plan });
  const { loss, into } = await gradientsOf(engine, await readBatch(variant));
  assertClose([loss], await floats("loss"), LOSS_TOLERANCE, "loss");
  for (const { name, offset, length } of engine.trainables) {
    const expected = await floats(`grad.${name}`);
    assertClose(into.subarray(offset, offset + length), expected, GRADIENT_TOLERANCE, name);
  }
}

/** Every gradient of the golden adapter and the loss. */
export async function checkLoraStep(
  variant: string,
  method: Method,
  plan: StepPlan,
): Promise<void> {
  const { floats, tensors } = await readExpected(variant);
  const engine = await openGolden(variant, method, { plan });
  await setAdapter(engine, variant);
  const { loss, into } = await gradientsOf(engine, await readBatch(variant));
  assertClose([loss], await floats("lora_loss"), LOSS_TOLERANCE, "loss");
  const trained = [...tensors.keys()].filter((name) => name.startsWith("lora_grad."));
  assert.deepEqual(
    engine.trainables.map(({ name }) => `lora_grad.${name}`).toSorted(),
    trained.toSorted(),
  );
  for (const { name, offset, length } of engine.trainables) {
    const expected = await floats(`lora_grad.${name}`);
    assertClose(into.subarray(offset, offset + length), expected, GRADIENT_TOLERANCE, name);
  }
}

/** The loss of the adapter that PEFT saved. */
export async function checkEvaluation(variant: string): Promise<void> {
  const { floats } = await readExpected(variant);
  const engine = await openEvaluationEngine({
    baseDir: goldenModel(variant),
    adapterDir: goldenModel(variant, "adapter"),
    maxLength: 32,
    threads: 1,
  });
  engines.push(engine);
  const { lossSum, counted } = await engine.evaluate(await readBatch(variant));
  assertClose([lossSum / counted], await floats("lora_loss"), LOSS_TOLERANCE, "loss");
}
