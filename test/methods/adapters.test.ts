/** Every method of PEFT's against PEFT: loss, gradients, files (goldens by test/golden/adapters/make.py). */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { type Method, methodSchema } from "../../src/protocol/methods.ts";
import { openEvaluationEngine, openTrainingEngine } from "../../src/onnx-engine/onnx-engine.ts";
import { openBaseModel } from "../../src/models/base-model.ts";
import { openTextGenerator } from "../../src/onnx-engine/text-generator.ts";
import type { StepPlan } from "../../src/onnx-engine/step-form.ts";
import { readPeftFolder } from "../../src/adapter-files/peft/folder.ts";
import { readSafetensorsHeader, readTensor } from "../../src/tensors/safetensors.ts";
import { assertClose } from "../support/assert-close.ts";
import { ADAPTER_CASES, adapterGolden as golden, savedTensor } from "../support/adapter-cases.ts";
import { countedIn, goldenModel, readBatch } from "../support/llama-golden.ts";
import { refuses } from "../support/refuses.ts";
import { stepPlans } from "../support/step-plans.ts";

/** Relative to each tensor's largest value, float32 on both sides. */
const GRADIENT_TOLERANCE = { rtol: 1e-4, atol: 1e-9 };
const LOSS_TOLERANCE = { rtol: 1e-5 };

async function readExpected(name: string) {
  const { tensors } = await readSafetensorsHeader(path.join(golden(name), "expected.safetensors"));
  return { tensors, floats: (key: string) => readTensor(tensors.get(key)!) };
}

const scratch = mkdtempSync(path.join(tmpdir(), "retune-adapters-"));
const engines: { dispose(): Promise<void> }[] = [];
after(async () => {
  for (const engine of engines) await engine.dispose();
  rmSync(scratch, { recursive: true });
});

async function open(variant: string, method: Method, plan?: StepPlan) {
  const base = await openBaseModel(goldenModel(variant));
  const options = { base, method, seed: 1, maxLength: 32, threads: 1, plan };
  const engine = await openTrainingEngine(options);
  engines.push(engine);
  return engine;
}

async function evaluate(variant: string, adapterDir: string): Promise<number> {
  const baseDir = goldenModel(variant);
  const engine = await openEvaluationEngine({ baseDir, adapterDir, maxLength: 32, threads: 1 });
  engines.push(engine);
  const { lossSum, counted } = await engine.evaluate(await readBatch(variant));
  return lossSum / counted;
}

const PLANS = stepPlans({ rowChunks: 2, maxTokens: 20 });

for (const [name, { variant, method }] of Object.entries(ADAPTER_CASES)) {
  for (const [how, plan] of Object.entries(PLANS)) {
    test(`${name}, ${how}: PEFT's loss and gradients`, async () => {
      const { tensors, floats } = await readExpected(name);
      const engine = await open(variant, method, plan);
      for (const { name: tensor, offset } of engine.trainables) {
        engine.parameters.set(await savedTensor(golden(name), tensor), offset);
      }
      const batch = await readBatch(variant);
      const into = new Float32Array(engine.parameters.length);
      const scale = 1 / countedIn(batch);
      const { lossSum } = await engine.accumulateGradients(batch, { scale, dropoutSeed: 1, into });
      assertClose([lossSum * scale], await floats("loss"), LOSS_TOLERANCE, "loss");
      assert.deepEqual(
        engine.trainables.map((one) => `grad.${one.name}`).toSorted(),
        [...tensors.keys()].filter((key) => key !== "loss").toSorted(),
      );
      for (const { name: tensor, offset, length } of engine.trainables) {
        const expected = await floats(`grad.${tensor}`);
        assertClose(into.subarray(offset, offset + length), expected, GRADIENT_TOLERANCE, tensor);
      }
    });
  }

  test(`${name}: what PEFT saved is read, and written again with the same tensors`, async () => {
    const { floats } = await readExpected(name);
    assertClose([await evaluate(variant, golden(name))], await floats("loss"), LOSS_TOLERANCE, "");
    const engine = await open(variant, method);
    for (const { name: tensor, offset } of engine.trainables) {
      engine.parameters.set(await savedTensor(golden(name), tensor), offset);
    }
    const dir = path.join(scratch, name);
    await engine.saveResult(dir, engine.parameters, { baseModel: variant });
    const [ours, theirs] = [await readPeftFolder(dir), await readPeftFolder(golden(name))];
    assert.deepEqual([...ours.tensors.keys()].toSorted(), [...theirs.tensors.keys()].toSorted());
    for (const [tensor, info] of theirs.tensors) {
      assert.deepEqual(await readTensor(ours.tensors.get(tensor)!), await readTensor(info), tensor);
    }
    // Every key of ours says what PEFT's says; targets may be spelt in whole paths.
    for (const [key, value] of Object.entries(ours.config)) {
      if (["target_modules", "modules_to_save", "feedforward_modules"].includes(key)) continue;
      assert.deepEqual(value, theirs.config[key], key);
    }
    assertClose([await evaluate(variant, dir)], await floats("loss"), LOSS_TOLERANCE, "again");
  });
}

test("an untrained adapter of LoRA's family and (IA)³ changes nothing", async () => {
  for (const name of ["dora", "dora-biased", "dora-embedding", "patterns", "ia3", "ia3-biased"]) {
    const { variant, method } = ADAPTER_CASES[name]!;
    const engine = await open(variant, method);
    const batch = await readBatch(variant);
    const { lossSum } = await engine.evaluate(batch);
    const { tensors } = await readSafetensorsHeader(goldenModel(variant, "expected.safetensors"));
    const expected = await readTensor(tensors.get("loss")!);
    assertClose([lossSum / countedIn(batch)], expected, LOSS_TOLERANCE, name);
  }
});

test("dropout of DoRA keeps the base's own part whole", async () => {
  const engine = await open("tied", { ...ADAPTER_CASES["dora"]!.method, dropout: 0.5 } as Method);
  const batch = await readBatch("tied");
  const into = new Float32Array(engine.parameters.length);
  // With B = 0 and the base's own lengths nothing depends on what is dropped.
  const { lossSum } = await engine.accumulateGradients(batch, { scale: 1, dropoutSeed: 7, into });
  assertClose([lossSum], [(await engine.evaluate(batch)).lossSum], LOSS_TOLERANCE, "loss");
});

test("virtual tokens start as asked: from the vocabulary, with its spread, from the seed", async () => {
  const table = await baseTensor("tied", "model.embed_tokens.weight");
  const rows = new Set(
    Array.from({ length: 96 }, (_, id) => table.slice(32 * id, 32 * id + 32).join()),
  );
  const start = async (init: string) => {
    const method = methodSchema.parse({ type: "prompt-tuning", tokens: 5, init });
    return (await open("tied", method)).parameters;
  };
  const drawn = await start("vocabulary");
  for (let t = 0; t < 5; t++) assert.ok(rows.has(drawn.slice(32 * t, 32 * t + 32).join()));
  assert.deepEqual(await start("vocabulary"), drawn);
  const spread = (values: Float32Array): number =>
    Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
  const ratio = spread(await start("random")) / spread(table);
  assert.ok(ratio > 0.8 && ratio < 1.25, String(ratio));
});

async function baseTensor(variant: string, name: string): Promise<Float32Array> {
  const { tensors } = await readSafetensorsHeader(goldenModel(variant, "model.safetensors"));
  return readTensor(tensors.get(name)!);
}

test("what does not fit the base is refused in one line", async () => {
  const opened = (variant: string, method: object): Promise<unknown> =>
    open(variant, methodSchema.parse(method));
  await refuses(
    opened("tied", { type: "lora", rank: 2, rankPattern: { up_projx: 3 } }),
    /^method\.rankPattern "up_projx" matches none of the target modules/,
  );
  await refuses(opened("tied", { type: "lora", rank: 64 }), /^method\.rank 64 is above 32/);
  await refuses(
    opened("tied", { type: "lora", modulesToSave: ["lm_head"] }),
    /^method\.modulesToSave "lm_head" matches no module/,
  );
  await refuses(
    opened("tied", { type: "lora", modulesToSave: ["embed_tokens"] }),
    /embeddings and head share model\.embed_tokens\.weight/,
  );
  await refuses(
    opened("tied", { type: "ia3", targets: ["q_proj"] }),
    /^method\.feedForward "down_proj" is none of the target modules/,
  );
  await refuses(opened("tied", { type: "prompt-tuning", tokens: 40 }), /maxLength.*64 positions/);
  const another = /the adapter was made for another base/;
  await refuses(evaluate("untied", golden("ia3")), another);
  await refuses(evaluate("untied", golden("dora")), another);
  await refuses(evaluate("tied", golden("prefix-tuning")), another);
  await refuses(evaluate("tied", golden("modules")), another);
});

test("text is generated with the adapter: evaluation finds each greedy token most likely", async () => {
  for (const [name, { variant }] of Object.entries(ADAPTER_CASES)) {
    const options = { baseDir: goldenModel(variant), adapterDir: golden(name), threads: 1 };
    const generator = await openTextGenerator(options);
    engines.push(generator);
    const prompt = [5, 17, 80, 2, 41];
    const greedy = { maxTokens: 12, temperature: 0, seed: 1, stopIds: [] };
    const generated = await generator.generate(prompt, greedy);
    assert.equal(generated.length, 12);
    const engine = await openEvaluationEngine({ ...options, maxLength: 32 });
    engines.push(engine);
    const ids = Int32Array.from([...prompt, ...generated]);
    const weights = Float32Array.from(ids, (_, at) => (at < prompt.length ? 0 : 1));
    assert.equal((await engine.evaluate([{ ids, weights, line: 1 }])).correct, 12, name);
  }
});
