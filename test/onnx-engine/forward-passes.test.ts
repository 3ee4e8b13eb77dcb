/** What an objective may ask of the engine beside gradients, against PyTorch's logits (goldens by make_llama.py). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Example, reweighed } from "../../src/data/example.ts";
import { asClassifier, openBaseModel } from "../../src/models/base-model.ts";
import { openTrainingEngine } from "../../src/onnx-engine/onnx-engine.ts";
import type { OnnxTrainingEngine } from "../../src/onnx-engine/training-engine.ts";
import { openTextGenerator } from "../../src/onnx-engine/text-generator.ts";
import type { StepForm } from "../../src/onnx-engine/ort-graphs.ts";
import { type Method, methodSchema } from "../../src/protocol/methods.ts";
import { readModelWeights } from "../../src/tensors/model-weights.ts";
import { readSafetensorsHeader, readTensor } from "../../src/tensors/safetensors.ts";
import { assertClose } from "../support/assert-close.ts";
import { goldenModel, readBatch, readExpected } from "../support/llama-golden.ts";

const VARIANTS: Record<string, { method: Method; head: string }> = {
  tied: {
    method: methodSchema.parse({ type: "lora", rank: 4, alpha: 8 }),
    head: "model.embed_tokens.weight",
  },
  // The head is adapted too, so that its logits exist whole.
  untied: {
    method: methodSchema.parse({
      type: "lora",
      rank: 3,
      alpha: 6,
      targets: ["q_proj", "down_proj", "lm_head"],
      variant: "rslora",
    }),
    head: "lm_head.weight",
  },
};

const TOLERANCE = { rtol: 1e-5, atol: 1e-5 };

const FORMS: [Partial<StepForm>, number][] = [
  [{}, 512],
  [{ blocks: 2, rowChunks: 3 }, 1],
  [{ vocabularyChunks: 3 }, 512],
];

interface EngineForm {
  form?: Partial<StepForm>;
  maxTokens?: number;
}

/** With PEFT's adapter, as it was saved. */
async function openAdapted(
  variant: string,
  { form = {}, maxTokens = 512 }: EngineForm = {},
): Promise<OnnxTrainingEngine> {
  const engine = await openTrainingEngine({
    base: await openBaseModel(goldenModel(variant)),
    method: VARIANTS[variant]!.method,
    seed: 1,
    maxLength: 32,
    threads: 1,
    plan: {
      form: { blocks: 1, rowChunks: 1, vocabularyChunks: 1, kept: "all", ...form },
      maxTokens,
      prepack: false,
    },
  });
  const file = goldenModel(variant, "adapter/adapter_model.safetensors");
  const { tensors } = await readSafetensorsHeader(file);
  for (const { name, offset } of engine.trainables) {
    engine.parameters.set(await readTensor(tensors.get(name)!), offset);
  }
  return engine;
}

/** Rows of the goldens' logits, [T,V] of each example. */
async function goldenLogits(variant: string, name: string): Promise<(row: number) => number[][]> {
  const { tensors, floats } = await readExpected(variant);
  const [, width, vocabulary] = tensors.get(name)!.shape as [number, number, number];
  const logits = await floats(name);
  return (row) =>
    Array.from({ length: width }, (_, t) => {
      const start = (row * width + t) * vocabulary;
      return [...logits.subarray(start, start + vocabulary)];
    });
}

function expectedLogProbs({ ids, weights }: Example, logits: number[][]): number[] {
  return Array.from(ids, (id, t) => {
    if (weights[t] === 0) return 0;
    const before = logits[t - 1]!;
    const most = Math.max(...before);
    const sum = before.reduce((total, one) => total + Math.exp(one - most), 0);
    return before[id]! - most - Math.log(sum);
  });
}

for (const variant of Object.keys(VARIANTS)) {
  for (const [form, maxTokens] of FORMS) {
    test(`${variant}: tokens have PyTorch's log-probabilities, ${JSON.stringify(form)}`, async (t) => {
      const engine = await openAdapted(variant, { form, maxTokens });
      t.after(() => engine.dispose());
      // Weights say which tokens are asked for, not how likely they are; rows keep their order.
      const batch = (await readBatch(variant)).map((row) =>
        reweighed(
          row,
          row.weights.map((one, at) => one * ((at % 3) - 0.5)),
        ),
      );
      for (const [name, options] of [
        ["lora_logits", {}],
        ["logits", { reference: true }],
      ] as const) {
        const logits = await goldenLogits(variant, name);
        const found = await engine.logProbs(batch, options);
        batch.forEach((row, at) =>
          assertClose(found[at]!, expectedLogProbs(row, logits(at)), TOLERANCE, `${name} ${at}`),
        );
      }
    });
  }

  test(`${variant}: the reference's hidden states make PyTorch's logits of the base`, async (t) => {
    const engine = await openAdapted(variant, { maxTokens: 20 });
    t.after(() => engine.dispose());
    const batch = await readBatch(variant);
    const info = (await readModelWeights(goldenModel(variant))).get(VARIANTS[variant]!.head)!;
    const [vocabulary, width] = info.shape as [number, number];
    const head = await readTensor(info);
    const logits = await goldenLogits(variant, "logits");
    const states = await engine.hiddenStates(batch, { reference: true });
    batch.forEach(({ ids }, row) => {
      assert.equal(states[row]!.length, ids.length * width);
      const made = Array.from(ids, (_, token) =>
        Array.from({ length: vocabulary }, (__, v) => {
          let sum = 0;
          for (let c = 0; c < width; c++) {
            sum += states[row]![token * width + c]! * head[v * width + c]!;
          }
          return sum;
        }),
      );
      assertClose(made.flat(), logits(row).slice(0, ids.length).flat(), TOLERANCE, `row ${row}`);
    });
    const adapted = await engine.hiddenStates(batch);
    assert.notDeepEqual(adapted[0], states[0]);
  });
}

test("the reference of a run that trains the base itself is the base as it lies on disk", async (t) => {
  const engine = await openTrainingEngine({
    base: await openBaseModel(goldenModel("tied")),
    method: { type: "full", init: "base" },
    seed: 1,
    maxLength: 32,
    threads: 1,
  });
  t.after(() => engine.dispose());
  const batch = await readBatch("tied");
  const before = await engine.evaluate(batch);
  engine.parameters.forEach((value, at) => (engine.parameters[at] = value * 1.1));
  assert.notEqual((await engine.evaluate(batch)).lossSum, before.lossSum);
  assert.equal((await engine.evaluate(batch, { reference: true })).lossSum, before.lossSum);
});

test("a drawn head stays in the reference, and has no probabilities of tokens", async (t) => {
  const labels = ["a", "b", "c"];
  const base = asClassifier(await openBaseModel(goldenModel("tied")), {
    labels,
    problem: "single-label",
    pooling: "last",
  });
  const engine = await openTrainingEngine({
    base,
    method: { type: "full", init: "base" },
    seed: 1,
    maxLength: 32,
    threads: 1,
  });
  t.after(() => engine.dispose());
  const batch = (await readBatch("tied")).map((row) => ({ ...row, label: 1 }));
  const { answers = [] } = await engine.evaluate(batch, { reference: true });
  const own = await engine.evaluate(batch);
  assert.deepEqual(
    answers.map(({ features }) => features),
    own.answers!.map(({ features }) => features),
  );
  await assert.rejects(engine.logProbs(batch), /no probabilities of tokens/);
});

test("prompts are answered by the parameters as they are, as the saved adapter answers them", async (t) => {
  const engine = await openAdapted("tied");
  t.after(() => engine.dispose());
  const generator = await openTextGenerator({
    baseDir: goldenModel("tied"),
    adapterDir: goldenModel("tied", "adapter"),
  });
  t.after(() => generator.dispose());
  const prompts = (await readBatch("tied")).map(({ ids }) => [...ids.subarray(0, 4)]);
  const options = { maxTokens: 6, temperature: 0.8, seed: 7, stopIds: [] };
  const found = await engine.generate(prompts, options);
  for (const [index, prompt] of prompts.entries()) {
    const seed = options.seed + index;
    assert.deepEqual(found[index], await generator.generate(prompt, { ...options, seed }));
  }
});
