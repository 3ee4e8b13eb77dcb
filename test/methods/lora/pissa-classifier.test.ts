/** PiSSA doubles its own factors on saving; a classification head beside them is saved as it is. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { readPeftFolder } from "../../../src/adapter-files/peft/folder.ts";
import { asClassifier, openBaseModel } from "../../../src/models/base-model.ts";
import { evaluateExamples } from "../../../src/objectives/evaluate-examples.ts";
import { openEvaluationEngine, openTrainingEngine } from "../../../src/onnx-engine/onnx-engine.ts";
import { methodSchema } from "../../../src/protocol/methods.ts";
import { readTensor } from "../../../src/tensors/safetensors.ts";
import { PISSA_CASE } from "../../support/adapter-cases.ts";
import { assertClose } from "../../support/assert-close.ts";
import {
  CLASSIFICATION_CASES,
  classifierOf,
  labelledBatch,
} from "../../support/classification-cases.ts";
import { goldenModel } from "../../support/llama-golden.ts";

test("a classifier's PiSSA is saved with its head as it was trained, and labels as before", async (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), "retune-pissa-classifier-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const each = CLASSIFICATION_CASES["single-label"]!;
  const baseDir = goldenModel(each.variant);
  const base = asClassifier(await openBaseModel(baseDir), classifierOf(each));
  const method = methodSchema.parse(PISSA_CASE.method);
  const options = { base, method, seed: 1, maxLength: 32, threads: 1 };
  const engine = await openTrainingEngine(options);
  t.after(() => engine.dispose());
  const head = engine.trainables.find(({ name }) => name.endsWith("score.weight"))!;
  // As if trained: every value another one.
  engine.parameters.forEach((value, i) => (engine.parameters[i] = value + 0.01 * Math.sin(i)));
  const batch = await labelledBatch(each);
  const { loss } = await evaluateExamples(engine, batch);
  await engine.saveResult(dir, engine.parameters, { baseModel: each.variant });

  const { tensors } = await readPeftFolder(dir);
  const [, saved] = [...tensors].find(([name]) => name.endsWith("score.weight"))!;
  assert.deepEqual(saved.shape, head.shape);
  const values = engine.parameters.subarray(head.offset, head.offset + head.length);
  assert.deepEqual(await readTensor(saved), Float32Array.from(values));

  const again = await openEvaluationEngine({ baseDir, adapterDir: dir, maxLength: 32, threads: 1 });
  t.after(() => again.dispose());
  assertClose([(await evaluateExamples(again, batch)).loss], [loss], { rtol: 1e-5 }, "loss");
});
