import assert from "node:assert/strict";
import path from "node:path";
import { suite, test } from "node:test";
import fc from "fast-check";
import { GraphBuilder } from "../../../src/graph/builder.ts";
import { OrtSession } from "../../../src/onnx-engine/ort-session.ts";
import { storedWeight } from "../../../src/onnx-engine/stored-weight.ts";
import { toFloat32 } from "../../../src/tensors/dtype.ts";
import { BLOCK_SIZE, quantiseBlocks } from "../../../src/tensors/quantise/block-codes.ts";
import {
  readSafetensorsHeader,
  readTensor,
  readTensorBytes,
} from "../../../src/tensors/safetensors.ts";
import { dequantised } from "../../support/dequantised.ts";

const folder = path.join(import.meta.dirname, "../../golden/weights");

for (const type of ["int8", "int4"] as const) {
  suite(type, async () => {
    const { tensors } = await readSafetensorsHeader(path.join(folder, "quantised.safetensors"));
    const values = await readTensor(tensors.get("values")!);

    test("codes and scales are numpy's, bit for bit", async () => {
      const { codes, scales } = quantiseBlocks(values, type);
      assert.deepEqual(scales, await readTensorBytes(tensors.get(`${type}.scales`)!));
      assert.deepEqual(codes, await readTensorBytes(tensors.get(`${type}.codes`)!));
    });

    test("ONNX Runtime gives numpy's values from the mapped file, bit for bit", async () => {
      const b = new GraphBuilder();
      const shape = [values.length / BLOCK_SIZE, BLOCK_SIZE];
      const weight = storedWeight(b, { name: type, type, shape });
      const session = await OrtSession.create(b.build([weight]), {
        weightsDir: folder,
        locate: (name) => ({ path: "quantised.safetensors", ...tensors.get(name)! }),
        threads: 1,
        prepack: true,
      });
      const result = (await session.run({}, {}))[weight.name]!;
      await session.dispose();
      assert.deepEqual(result.dims, shape);
      assert.deepEqual(result.data, await readTensor(tensors.get(`${type}.values`)!));
    });

    test("no value is further from its own than a step, or at int8 half a step", () => {
      const block = fc.float32Array({
        minLength: BLOCK_SIZE,
        maxLength: BLOCK_SIZE,
        min: -1000,
        max: 1000,
        noNaN: true,
      });
      fc.assert(
        fc.property(block, (weights) => {
          const back = dequantised(quantiseBlocks(weights, type), type);
          const largest = weights.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
          // What rounding a scale to float16 can add, relative and, near 0, absolute.
          const [relative, absolute] = [2 ** -10, 2 ** -24];
          const steps = type === "int8" ? 0.5 / 127 : 1 / 8;
          const levels = type === "int8" ? 127 : 8;
          const bound = largest * (steps + relative) + levels * absolute;
          weights.forEach((value, i) => {
            assert(Math.abs(value - back[i]!) <= bound, `${value} became ${back[i]}`);
          });
        }),
      );
    });

    test("quantising what was dequantised changes nothing, as with a Q4_0 or Q8_0 file", () => {
      const ordinary = values.subarray(0, 100 * BLOCK_SIZE);
      const once = dequantised(quantiseBlocks(ordinary, type), type);
      assert.deepEqual(dequantised(quantiseBlocks(once, type), type), once);
    });
  });
}

test("a block with NaN, infinity or a value beyond its scale has no finite scale", () => {
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 3e38]) {
    for (const type of ["int8", "int4"] as const) {
      const values = new Float32Array(3 * BLOCK_SIZE).fill(1);
      values[BLOCK_SIZE + 7] = bad;
      const finite = [...toFloat32(quantiseBlocks(values, type).scales, "F16")].map(
        Number.isFinite,
      );
      assert.deepEqual(finite, [true, false, true], `${bad} ${type}`);
    }
  }
});
