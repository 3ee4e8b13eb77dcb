/** The compiled training step against PyTorch + transformers + PEFT (goldens by make_llama.py). */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { Example } from "../../src/data/example.ts";
import type { Method } from "../../src/protocol/methods.ts";
import { openEvaluationEngine, openTrainingEngine } from "../../src/onnx-engine/onnx-engine.ts";
import { openBaseModel } from "../../src/models/base-model.ts";
import type { OnnxTrainingEngine } from "../../src/onnx-engine/training-engine.ts";
import type { StepForm } from "../../src/onnx-engine/ort-graphs.ts";
import type { StepPlan } from "../../src/onnx-engine/step-form.ts";
import { readSafetensorsHeader, readTensor } from "../../src/tensors/safetensors.ts";
import { assertClose } from "../support/assert-close.ts";
import {
  countedIn,
  goldenModel as folder,
  readBatch,
  readExpected,
} from "../support/llama-golden.ts";

/** Relative to each tensor's largest value, float32 on both sides. */
const GRADIENT_TOLERANCE = { rtol: 1e-4, atol: 1e-9 };
const LOSS_TOLERANCE = { rtol: 1e-5 };

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

async function gradients(engine: OnnxTrainingEngine, batch: readonly Example[]) {
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

async function open(variant: string, method: Method, plan?: StepPlan): Promise<OnnxTrainingEngine> {
  const engine = await openTrainingEngine({
    plan,
    base: await openBaseModel(folder(variant)),
    method,
    seed: 1,
    maxLength: 32,
    threads: 1,
  });
  engines.push(engine);
  return engine;
}

async function setAdapter(engine: OnnxTrainingEngine, variant: string): Promise<void> {
  const file = folder(variant, "adapter/adapter_model.safetensors");
  const { tensors } = await readSafetensorsHeader(file);
  for (const { name, offset } of engine.trainables) {
    engine.parameters.set(await readTensor(tensors.get(name)!), offset);
  }
}

/** Ways to cut one and the same step: all of them give PyTorch's numbers. */
const plans: Record<string, StepPlan> = {
  "in one piece": plan({}),
  "by blocks of queries": plan({ blocks: 3 }),
  "a row at a time": { ...plan({}), maxTokens: 1 },
  "packed weights": { ...plan({}), prepack: true },
  "the head by rows": plan({ rowChunks: 3 }),
  "the head by slices of the vocabulary": plan({ vocabularyChunks: 3 }),
  "recomputing what is cheap": plan({ blocks: 2, kept: "costly" }),
  "recomputing layers": { ...plan({ blocks: 2, rowChunks: 2, kept: "layers" }), maxTokens: 20 },
};

function plan(form: Partial<StepForm>): StepPlan {
  const whole: StepForm = { blocks: 1, rowChunks: 1, vocabularyChunks: 1, kept: "all" };
  return { form: { ...whole, ...form }, maxTokens: 1e6, prepack: false };
}

for (const [variant, method] of Object.entries(variants)) {
  for (const [how, cut] of Object.entries(plans)) {
    test(`${variant}: full fine-tuning, ${how}, has PyTorch's loss and gradients`, async () => {
      const { floats } = await readExpected(variant);
      const engine = await open(variant, { type: "full", init: "base" }, cut);
      const { loss, into } = await gradients(engine, await readBatch(variant));
      assertClose([loss], await floats("loss"), LOSS_TOLERANCE, "loss");
      for (const { name, offset, length } of engine.trainables) {
        const expected = await floats(`grad.${name}`);
        assertClose(into.subarray(offset, offset + length), expected, GRADIENT_TOLERANCE, name);
      }
    });

    test(`${variant}: LoRA, ${how}, has PEFT's loss and gradients`, async () => {
      const { floats, tensors } = await readExpected(variant);
      const engine = await open(variant, method, cut);
      await setAdapter(engine, variant);
      const { loss, into } = await gradients(engine, await readBatch(variant));
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
    });
  }

  test(`${variant}: an adapter that PEFT saved evaluates to PEFT's loss`, async () => {
    const { floats } = await readExpected(variant);
    const engine = await openEvaluationEngine({
      baseDir: folder(variant),
      adapterDir: folder(variant, "adapter"),
      maxLength: 32,
      threads: 1,
    });
    engines.push(engine);
    const { lossSum, counted } = await engine.evaluate(await readBatch(variant));
    assertClose([lossSum / counted], await floats("lora_loss"), LOSS_TOLERANCE, "loss");
  });
}

test("two micro-batches add up to the gradient of one batch", async () => {
  const engine = await open("tied", variants["tied"]!);
  const batch = await readBatch("tied");
  const whole = await gradients(engine, batch);
  const into = new Float32Array(engine.parameters.length);
  const scale = 1 / countedIn(batch);
  for (const part of [batch.slice(0, 1), batch.slice(1)]) {
    await engine.accumulateGradients(part, { scale, dropoutSeed: 1, into });
  }
  assertClose(into, whole.into, { rtol: 1e-5 }, "gradient");
});

test("dropout masks follow their seed, and rate 0 is no dropout", async () => {
  const method = { ...variants["tied"]!, dropout: 0.5 } as Method;
  const engine = await open("tied", method);
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
  const engine = await open("tied", { ...variants["tied"]!, dropout: 0.1 } as Method);
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
