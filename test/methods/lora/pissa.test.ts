/** PiSSA against PEFT's (goldens by test/golden/adapters/make.py). */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { methodSchema } from "../../../src/protocol/methods.ts";
import { openEvaluationEngine, openTrainingEngine } from "../../../src/onnx-engine/onnx-engine.ts";
import { openBaseModel } from "../../../src/models/base-model.ts";
import { readPeftFolder } from "../../../src/adapter-files/peft/folder.ts";
import { readSafetensorsHeader, readTensor } from "../../../src/tensors/safetensors.ts";
import { PISSA_CASE, adapterGolden } from "../../support/adapter-cases.ts";
import { assertClose } from "../../support/assert-close.ts";
import { countedIn, goldenModel, readBatch, readExpected } from "../../support/llama-golden.ts";
import { refuses } from "../../support/refuses.ts";

const LOSS_TOLERANCE = { rtol: 1e-5 };
/** PEFT decomposes exactly, we by subspace iteration: both to float32's accuracy at this size. */
const FACTOR_TOLERANCE = { rtol: 1e-4 };
const GRADIENT_TOLERANCE = { rtol: 1e-4, atol: 1e-9 };

const { tensors } = await readSafetensorsHeader(
  path.join(adapterGolden("pissa"), "expected.safetensors"),
);
const floats = (name: string): Promise<Float32Array> => readTensor(tensors.get(name)!);

const dir = mkdtempSync(path.join(tmpdir(), "retune-pissa-"));
const engines: { dispose(): Promise<void> }[] = [];
after(async () => {
  for (const engine of engines) await engine.dispose();
  rmSync(dir, { recursive: true });
});

async function open(method: object) {
  const base = await openBaseModel(goldenModel("tied"));
  const options = { base, seed: 1, maxLength: 32, threads: 1 };
  const engine = await openTrainingEngine({ ...options, method: methodSchema.parse(method) });
  engines.push(engine);
  return engine;
}

async function evaluate(adapterDir: string): Promise<number> {
  const baseDir = goldenModel("tied");
  const engine = await openEvaluationEngine({ baseDir, adapterDir, maxLength: 32, threads: 1 });
  engines.push(engine);
  const { lossSum, counted } = await engine.evaluate(await readBatch("tied"));
  return lossSum / counted;
}

/** B·A, [rows, columns]: what does not depend on the signs of singular vectors. */
function product(b: Float32Array, a: Float32Array, rank: number): Float32Array {
  const [rows, columns] = [b.length / rank, a.length / rank];
  return Float32Array.from({ length: rows * columns }, (_, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    let sum = 0;
    for (let r = 0; r < rank; r++) sum += b[row * rank + r]! * a[r * columns + column]!;
    return sum;
  });
}

test("starts as PEFT's principal part, and the model as the base", async () => {
  const engine = await open(PISSA_CASE.method);
  for (const { name, offset, length } of engine.trainables) {
    if (!name.endsWith(".lora_A.weight")) continue;
    const upName = name.replace("lora_A", "lora_B");
    const up = engine.trainables.find((one) => one.name === upName)!;
    const ours = product(
      engine.parameters.subarray(up.offset, up.offset + up.length),
      engine.parameters.subarray(offset, offset + length),
      3,
    );
    const theirs = product(await floats(`start.${upName}`), await floats(`start.${name}`), 3);
    assertClose(ours, theirs, FACTOR_TOLERANCE, name);
  }
  const batch = await readBatch("tied");
  const { floats: ofBase } = await readExpected("tied");
  const { lossSum } = await engine.evaluate(batch);
  assertClose([lossSum / countedIn(batch)], await ofBase("loss"), LOSS_TOLERANCE, "loss");
});

test("has PEFT's loss and gradients, and is saved as the plain LoRA that PEFT makes of it", async () => {
  const engine = await open(PISSA_CASE.method);
  for (const { name, offset } of engine.trainables) {
    engine.parameters.set(await floats(`value.${name}`), offset);
  }
  const batch = await readBatch("tied");
  const into = new Float32Array(engine.parameters.length);
  const scale = 1 / countedIn(batch);
  const { lossSum } = await engine.accumulateGradients(batch, { scale, dropoutSeed: 1, into });
  assertClose([lossSum * scale], await floats("loss"), LOSS_TOLERANCE, "loss");
  for (const { name, offset, length } of engine.trainables) {
    const expected = await floats(`grad.${name}`);
    assertClose(into.subarray(offset, offset + length), expected, GRADIENT_TOLERANCE, name);
  }
  const saved = path.join(dir, "saved");
  await engine.saveResult(saved, engine.parameters, { baseModel: "tied" });
  const [ours, theirs] = [
    await readPeftFolder(saved),
    await readPeftFolder(adapterGolden("pissa")),
  ];
  for (const key of ["r", "lora_alpha", "use_rslora", "peft_type"]) {
    assert.deepEqual(ours.config[key], theirs.config[key], key);
  }
  for (const [name, { shape }] of theirs.tensors) {
    assert.deepEqual(ours.tensors.get(name)?.shape, shape, name);
  }
  assertClose(
    [await evaluate(adapterGolden("pissa"))],
    await floats("loss"),
    LOSS_TOLERANCE,
    "PEFT",
  );
  assertClose([await evaluate(saved)], await floats("loss"), LOSS_TOLERANCE, "ours");
});

test("what does not go with it is refused in one line", async () => {
  await refuses(
    open({ ...PISSA_CASE.method, variant: "dora" }),
    /^method\.init "pissa" goes with lora and rs/,
  );
  await refuses(
    open({ ...PISSA_CASE.method, targets: ["lm_head"] }),
    /"pissa" needs lm_head\.weight as it is/,
  );
});
