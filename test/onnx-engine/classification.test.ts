/** Classification heads against transformers' and PEFT's own (goldens by test/golden/classification/make.py). */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { asClassifier, openBaseModel } from "../../src/models/base-model.ts";
import { type Method, methodSchema } from "../../src/protocol/methods.ts";
import { evaluateExamples } from "../../src/objectives/evaluate-examples.ts";
import { probeHead } from "../../src/objectives/classification/probe.ts";
import { fit } from "../../src/training/fit.ts";
import { openEvaluationEngine, openTrainingEngine } from "../../src/onnx-engine/onnx-engine.ts";
import type { StepPlan } from "../../src/onnx-engine/step-form.ts";
import { readPeftFolder } from "../../src/adapter-files/peft/folder.ts";
import { readReftAdapter } from "../../src/adapter-files/reft/reft-adapter.ts";
import { readSafetensorsHeader, readTensor } from "../../src/tensors/safetensors.ts";
import { assertClose } from "../support/assert-close.ts";
import {
  CLASSIFICATION_CASES,
  PEFT_CASES,
  REFT_CASES,
  type ClassificationCase,
  classificationGolden,
  classifierOf,
  labelledBatch,
  readClassification,
  setClassificationGolden,
} from "../support/classification-cases.ts";
import { goldenModel } from "../support/llama-golden.ts";
import { refuses } from "../support/refuses.ts";
import { stepPlans } from "../support/step-plans.ts";

/** Relative to each tensor's largest value, float32 on both sides. */
const GRADIENT_TOLERANCE = { rtol: 1e-4, atol: 1e-9 };
/** The first token attends to itself alone: what its queries and keys get is rounding, where torch has 0. */
const FIRST_TOLERANCE = { rtol: 1e-4, atol: 2e-7 };
const LOSS_TOLERANCE = { rtol: 1e-5 };
const LOGIT_TOLERANCE = { rtol: 1e-5, atol: 1e-6 };

const HEAD: Method = methodSchema.parse({ type: "head" });

const scratch = mkdtempSync(path.join(tmpdir(), "retune-classification-"));
const engines: { dispose(): Promise<void> }[] = [];
after(async () => {
  for (const engine of engines) await engine.dispose();
  rmSync(scratch, { recursive: true });
});

async function open(each: ClassificationCase, method = each.method, plan?: StepPlan) {
  const base = asClassifier(await openBaseModel(goldenModel(each.variant)), classifierOf(each));
  const options = { base, method, seed: 1, maxLength: 32, threads: 1, plan };
  const engine = await openTrainingEngine(options);
  engines.push(engine);
  return engine;
}

const PLANS = stepPlans({ rowChunks: 1, maxTokens: 20 });

for (const [name, each] of Object.entries(CLASSIFICATION_CASES)) {
  for (const [how, plan] of Object.entries(PLANS)) {
    test(`${name}, ${how}: the owner's loss and gradients`, async () => {
      const { gradients, floats } = await readClassification(name);
      const engine = await open(each, each.method, plan);
      await setClassificationGolden(engine, name);
      const batch = await labelledBatch(each);
      const into = new Float32Array(engine.parameters.length);
      const scale = 1 / batch.length;
      const { lossSum } = await engine.accumulateGradients(batch, { scale, dropoutSeed: 1, into });
      assertClose([lossSum * scale], await floats("loss"), LOSS_TOLERANCE, "loss");
      assert.deepEqual(
        engine.trainables.map((one) => `grad.${one.name}`).toSorted(),
        gradients.toSorted(),
      );
      for (const { name: tensor, offset, length } of engine.trainables) {
        const expected = await floats(`grad.${tensor}`);
        const tolerance = each.pooling === "first" ? FIRST_TOLERANCE : GRADIENT_TOLERANCE;
        assertClose(into.subarray(offset, offset + length), expected, tolerance, tensor);
      }
      const { answers } = await evaluateExamples(engine, batch);
      const logits = batch.flatMap((row) => [
        ...answers.find(({ example }) => example === row)!.logits,
      ]);
      assertClose(logits, await floats("logits"), LOGIT_TOLERANCE, "logits");
    });
  }
}

for (const [name, each] of Object.entries(CLASSIFICATION_CASES)) {
  if ([...PEFT_CASES, ...REFT_CASES].includes(name)) continue;
  test(`${name}: a head trained alone, on features that are kept, has the owner's gradient`, async () => {
    const { floats } = await readClassification(name);
    const engine = await open(each, HEAD);
    assert.deepEqual(
      engine.trainables.map((one) => one.name),
      ["score.weight"],
    );
    await setClassificationGolden(engine, name);
    const batch = await labelledBatch(each);
    // The second pass finds the features of the first.
    for (const pass of [1, 2]) {
      const into = new Float32Array(engine.parameters.length);
      const options = { scale: 1 / batch.length, dropoutSeed: 1, into };
      const { lossSum } = await engine.accumulateGradients(batch, options);
      assertClose([lossSum / batch.length], await floats("loss"), LOSS_TOLERANCE, `loss ${pass}`);
      assertClose(into, await floats("grad.score.weight"), GRADIENT_TOLERANCE, `pass ${pass}`);
    }
  });
}

for (const name of PEFT_CASES) {
  const each = CLASSIFICATION_CASES[name]!;
  const options = { baseDir: goldenModel(each.variant), maxLength: 32, threads: 1 };

  test(`${name}: the classifier that PEFT saved labels as PEFT's does, and so does ours`, async () => {
    const { floats } = await readClassification(name);
    const batch = await labelledBatch(each);
    const theirs = await openEvaluationEngine({
      ...options,
      adapterDir: classificationGolden(name),
    });
    engines.push(theirs);
    assert.deepEqual(theirs.classifier?.labels, ["LABEL_0", "LABEL_1", "LABEL_2"]);
    const expected = await floats("loss");
    // PEFT's files say neither, and transformers knows one pooling.
    if (each.problem === "single-label" && each.pooling === "last") {
      const { loss } = await evaluateExamples(theirs, batch);
      assertClose([loss], expected, LOSS_TOLERANCE, "theirs");
    }

    const engine = await open(each);
    await setClassificationGolden(engine, name);
    const dir = path.join(scratch, name);
    await engine.saveResult(dir, engine.parameters, { baseModel: each.variant });
    const [saved, golds] = [
      await readPeftFolder(dir),
      await readPeftFolder(classificationGolden(name)),
    ];
    assert.equal(saved.config.task_type, "SEQ_CLS");
    assert.deepEqual([...saved.tensors.keys()].toSorted(), [...golds.tensors.keys()].toSorted());
    for (const [tensor, info] of golds.tensors) {
      assert.deepEqual(
        await readTensor(saved.tensors.get(tensor)!),
        await readTensor(info),
        tensor,
      );
    }
    const again = await openEvaluationEngine({ ...options, adapterDir: dir });
    engines.push(again);
    assert.deepEqual(again.classifier?.labels, ["a", "b", "c"]);
    assertClose([(await evaluateExamples(again, batch)).loss], expected, LOSS_TOLERANCE, "ours");
  });
}

for (const name of REFT_CASES) {
  test(`${name}: what is saved has the head, and labels the same`, async () => {
    const each = CLASSIFICATION_CASES[name]!;
    const { floats } = await readClassification(name);
    const engine = await open(each);
    await setClassificationGolden(engine, name);
    const dir = path.join(scratch, name);
    await engine.saveResult(dir, engine.parameters, { baseModel: each.variant });
    const { head } = await readReftAdapter(dir);
    assert.deepEqual(head, { labels: 3, values: await floats("score.weight") });
    const again = await openEvaluationEngine({
      baseDir: goldenModel(each.variant),
      adapterDir: dir,
      maxLength: 32,
      threads: 1,
    });
    engines.push(again);
    assert.deepEqual(again.classifier, classifierOf(each));
    const { loss } = await evaluateExamples(again, await labelledBatch(each));
    assertClose([loss], await floats("loss"), LOSS_TOLERANCE, "ours");

    await rm(path.join(dir, "classifier.json"));
    const options = { baseDir: goldenModel(each.variant), adapterDir: dir, maxLength: 32 };
    await refuses(
      openEvaluationEngine(options),
      /its head has 3 labels, but classifier\.json is missing; put the folder together/,
    );
  });
}

test("a tuned model is saved as transformers names it, and read with its labels", async () => {
  for (const name of ["single-label-untied", "multi-label", "mean"]) {
    const each = CLASSIFICATION_CASES[name]!;
    const engine = await open(each);
    await setClassificationGolden(engine, name);
    const dir = path.join(scratch, name);
    await engine.saveResult(dir, engine.parameters, { baseModel: each.variant });
    const config = JSON.parse(await readFile(path.join(dir, "config.json"), "utf8"));
    assert.deepEqual(config.architectures, ["LlamaForSequenceClassification"]);
    assert.deepEqual(config.id2label, { 0: "a", 1: "b", 2: "c" });
    const { tensors } = await readSafetensorsHeader(path.join(dir, "model.safetensors"));
    assert.ok(tensors.has("score.weight") && !tensors.has("lm_head.weight"));
    const again = await openEvaluationEngine({ baseDir: dir, maxLength: 32, threads: 1 });
    engines.push(again);
    assert.deepEqual(again.classifier, classifierOf(each));
    const { loss } = await evaluateExamples(again, await labelledBatch(each));
    const expected = await (await readClassification(name)).floats("loss");
    assertClose([loss], expected, LOSS_TOLERANCE, name);
  }
});

test("a probe changes the head alone, the same each time, and lowers the loss", async () => {
  const each = CLASSIFICATION_CASES["single-label"]!;
  const batch = await labelledBatch(each);
  const probed = async () => {
    const engine = await open(each);
    const before = Float32Array.from(engine.parameters);
    const { loss } = await evaluateExamples(engine, batch);
    const lines: string[] = [];
    await probeHead(engine, batch, {
      classifier: engine.classifier!,
      fit,
      probe: { epochs: 60, learningRate: 1e-2 },
      seed: 3,
      log: (line) => lines.push(line),
      isStopped: async () => false,
    });
    assert.match(lines.join("\n"), /^probed the head: 60 updates on the features of 3 rows/);
    const changed = engine.trainables.filter(({ offset, length }) =>
      engine.parameters.subarray(offset, offset + length).some((v, i) => v !== before[offset + i]),
    );
    assert.deepEqual(
      changed.map((one) => one.name),
      ["score.weight"],
    );
    const after = await evaluateExamples(engine, batch);
    assert.ok(after.loss < 0.5 * loss, `${loss} → ${after.loss}`);
    return Float32Array.from(engine.parameters);
  };
  assert.deepEqual(await probed(), await probed());
});
