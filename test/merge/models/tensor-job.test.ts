/** What is refused while one tensor is merged says which it is, once. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { OpenFiles } from "../../../src/tensors/tensor-bytes.ts";
import { type TensorJob, runTensorJob } from "../../../src/merge/models/tensor-job.ts";
import type { FloatSource } from "../../../src/merge/models/tensor-reader.ts";
import { InputError } from "../../../src/util/errors.ts";
import { fromFloat32 } from "../../../src/tensors/dtype.ts";
import { readSafetensorsHeader, writeSafetensors } from "../../../src/tensors/safetensors.ts";
import { PLAIN } from "../../support/run-method.ts";

const dir = mkdtempSync(path.join(tmpdir(), "retune-tensor-job-"));
after(() => rmSync(dir, { recursive: true }));
const SHAPE = [4, 8];
let count = 0;

async function stored(value: (i: number) => number): Promise<FloatSource> {
  const file = path.join(dir, `model-${count++}.safetensors`);
  const data = fromFloat32(
    Float32Array.from({ length: 32 }, (_, i) => value(i)),
    "F32",
  );
  await writeSafetensors(file, [{ name: "w", dtype: "F32", shape: SHAPE, data }]);
  return (await readSafetensorsHeader(file)).tensors.get("w") as FloatSource;
}

function refused(
  job: Pick<TensorJob, "method" | "base" | "models">,
  parameters: Partial<TensorJob["tensor"]["parameters"]>,
): string {
  const { models } = job;
  const all = models.map(() => 1);
  const own = { ...PLAIN, weight: all, density: all, epsilon: all, gamma: all, scale: all };
  const keys = models.map((_, i): [number, number] => [i, i]);
  const tensor = { elements: 32, shape: SHAPE, parameters: { ...own, keys, ...parameters } };
  const output = { name: "w", file: path.join(dir, "none"), byteOffset: 0, dtype: "F32" as const };
  const files = new OpenFiles();
  try {
    runTensorJob({ ...job, tensor, output }, files, () => {});
  } catch (error) {
    assert.ok(error instanceof InputError, String(error));
    return error.message;
  } finally {
    files.close();
  }
  return assert.fail("nothing was refused");
}

for (const rescale of [true, false]) {
  test(`a chance that is none is refused with the tensor's name, ${rescale ? "" : "not "}rescaled`, async () => {
    const [base, model] = [await stored((i) => i), await stored((i) => i * i)];
    assert.equal(
      refused(
        { method: "della", base, models: [model] },
        { density: [0.9], epsilon: [0.2], rescale },
      ),
      "w: density 0.9 and epsilon 0.2: density + epsilon must be below 1 and density - epsilon above 0",
    );
  });
}

test("directions that cancel are refused with the tensor's name", async () => {
  const model = await stored((i) => i);
  const message = refused(
    { method: "multislerp", base: undefined, models: [model, model, model] },
    { weight: [1, 1, -2], normalize_weights: false, eps: 1e-3 },
  );
  assert.match(message, /^w: the weighted directions of the models cancel/u);
});

test("a model that holds NaN is named with its file, and with nothing before it", async () => {
  const [base, model] = [await stored((i) => i), await stored(() => Number.NaN)];
  for (const rescale of [true, false]) {
    const parameters = { density: [0.5], epsilon: [0.2], rescale };
    assert.equal(
      refused({ method: "della", base, models: [model] }, parameters),
      `${model.file}: tensor w holds NaN: the model is damaged, and a merge would hide it`,
    );
  }
});
