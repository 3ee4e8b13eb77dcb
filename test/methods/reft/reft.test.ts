/** Interventions against pyreft's own classes (goldens by test/golden/adapters/make_reft.py). */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { orthonormaliseColumns } from "../../../src/methods/orthonormal.ts";
import type { Example } from "../../../src/data/example.ts";
import { methodSchema } from "../../../src/protocol/methods.ts";
import { openTrainingEngine } from "../../../src/onnx-engine/onnx-engine.ts";
import { openBaseModel } from "../../../src/models/base-model.ts";
import type { StepPlan } from "../../../src/onnx-engine/step-form.ts";
import {
  readSafetensorsHeader,
  readTensor,
  readTensorBytes,
} from "../../../src/tensors/safetensors.ts";
import { assertClose } from "../../support/assert-close.ts";
import { countedIn, goldenModel } from "../../support/llama-golden.ts";
import { refuses } from "../../support/refuses.ts";
import { stepPlans } from "../../support/step-plans.ts";

/** Relative to each tensor's largest value, float32 on both sides. */
const GRADIENT_TOLERANCE = { rtol: 1e-4, atol: 1e-9 };
const LOSS_TOLERANCE = { rtol: 1e-5 };

const GOLDEN = fileURLToPath(new URL("../../golden/adapters/reft.safetensors", import.meta.url));
const { tensors } = await readSafetensorsHeader(GOLDEN);
const floats = (name: string): Promise<Float32Array> => readTensor(tensors.get(name)!);

async function ints(name: string): Promise<number[]> {
  const bytes = await readTensorBytes(tensors.get(name)!);
  return Array.from(new BigInt64Array(bytes.slice().buffer), Number);
}

async function batch(): Promise<Example[]> {
  const [ids, prompts] = [await ints("ids"), await ints("prompts")];
  const width = tensors.get("ids")!.shape[1]!;
  return (await ints("lengths")).map((length, row) => ({
    ids: Int32Array.from(ids.slice(row * width, row * width + length)),
    weights: Float32Array.from({ length }, (_, at) => (at < prompts[row]! ? 0 : 1)),
    line: row + 1,
  }));
}

const engines: { dispose(): Promise<void> }[] = [];
after(() => Promise.all(engines.map((engine) => engine.dispose())));

async function open(variant: string, method: object, plan?: StepPlan) {
  const engine = await openTrainingEngine({
    base: await openBaseModel(goldenModel(variant)),
    method: methodSchema.parse(method),
    seed: 1,
    maxLength: 32,
    threads: 1,
    plan,
  });
  engines.push(engine);
  return engine;
}

const CASES: Record<string, { variant: string; method: object }> = {
  loreft: { variant: "tied", method: { type: "loreft", rank: 4, positions: "f3+l2" } },
  "loreft-untied": {
    variant: "untied",
    method: { type: "loreft", rank: 3, layers: [1], positions: "f1+l2", tied: false },
  },
  direft: {
    variant: "untied",
    method: { type: "direft", rank: 2, layers: [0], positions: "l1" },
  },
  noreft: {
    variant: "tied",
    method: { type: "noreft", rank: 3, positions: "f2+l2", tied: false },
  },
};

const PLANS = stepPlans({ rowChunks: 2, maxTokens: 12 });

for (const [name, { variant, method }] of Object.entries(CASES)) {
  for (const [how, plan] of Object.entries(PLANS)) {
    test(`${name}, ${how}: pyreft's loss and gradients`, async () => {
      const engine = await open(variant, method, plan);
      const names = engine.trainables.map((one) => one.name);
      const expected = [...tensors.keys()].filter((key) => key.startsWith(`${name}.grad.`));
      assert.deepEqual(names.map((one) => `${name}.grad.${one}`).toSorted(), expected.toSorted());
      for (const { name: tensor, offset } of engine.trainables) {
        engine.parameters.set(await floats(`${name}.value.${tensor}`), offset);
      }
      const rows = await batch();
      const into = new Float32Array(engine.parameters.length);
      const scale = 1 / countedIn(rows);
      const { lossSum } = await engine.accumulateGradients(rows, { scale, dropoutSeed: 1, into });
      assertClose([lossSum * scale], await floats(`${name}.loss`), LOSS_TOLERANCE, "loss");
      const evaluated = await engine.evaluate(rows);
      assertClose(
        [evaluated.lossSum * scale],
        await floats(`${name}.loss`),
        LOSS_TOLERANCE,
        "eval",
      );
      for (const { name: tensor, offset, length } of engine.trainables) {
        const gradient = await floats(`${name}.grad.${tensor}`);
        assertClose(into.subarray(offset, offset + length), gradient, GRADIENT_TOLERANCE, tensor);
      }
    });
  }
}

/** Largest difference between RᵀR and the identity. */
function skewness(rotate: Float32Array, columns: number): number {
  const rows = rotate.length / columns;
  let worst = 0;
  for (let a = 0; a < columns; a++) {
    for (let b = 0; b < columns; b++) {
      let dot = 0;
      for (let row = 0; row < rows; row++)
        dot += rotate[row * columns + a]! * rotate[row * columns + b]!;
      worst = Math.max(worst, Math.abs(dot - (a === b ? 1 : 0)));
    }
  }
  return worst;
}

test("rotations start and stay orthonormal, those of noreft are free", async () => {
  const engine = await open("tied", { type: "loreft", rank: 4, positions: "f7+l7" });
  const rotate = (): Float32Array => {
    const { offset, length } = engine.trainables.find(({ name }) => name.endsWith("rotate"))!;
    return engine.parameters.subarray(offset, offset + length);
  };
  assert.ok(skewness(rotate(), 4) < 1e-6);
  const before = rotate().slice();
  rotate().forEach((value, i) => (rotate()[i] = value + 0.05 * Math.sin(i)));
  assert.ok(skewness(rotate(), 4) > 1e-3);
  engine.afterUpdate();
  assert.ok(skewness(rotate(), 4) < 1e-6);
  assert.notDeepEqual(rotate(), before);
  const free = await open("tied", { type: "noreft", rank: 4, positions: "f7+l7" });
  const drawn = free.parameters.slice();
  free.afterUpdate();
  assert.deepEqual(free.parameters, drawn);
});

test("columns that depend on one another are still made orthonormal", () => {
  const matrix = Float32Array.from({ length: 24 }, (_, i) => Math.cos(i) + (i % 3 === 1 ? 1 : 0));
  for (let row = 0; row < 8; row++) matrix[3 * row + 2] = matrix[3 * row]! + 1e-3 * row;
  orthonormaliseColumns(matrix, 3);
  assert.ok(skewness(matrix, 3) < 1e-6);
});

test("a block, a rank or a place that is not there is refused in one line", async () => {
  await refuses(
    open("tied", { type: "loreft", rank: 33, positions: "f7+l7" }),
    /^method\.rank 33 is above 32/,
  );
  await refuses(
    open("tied", { type: "direft", layers: [0, 2], positions: "f7+l7" }),
    /^method\.layers 2 is none of the blocks 0 to 1/,
  );
  assert.throws(() => methodSchema.parse({ type: "loreft", positions: "7" }), /f7\+l7/);
});
