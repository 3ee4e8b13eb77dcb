import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Adapter } from "../../src/methods/method.ts";
import { openBaseModel } from "../../src/models/base-model.ts";
import {
  checkLength,
  layOut,
  parameterFeeds,
  sessionOptionsOf,
  startFeeds,
} from "../../src/onnx-engine/tuned-base.ts";
import { readTensorBytes } from "../../src/tensors/safetensors.ts";
import { readFileSync } from "node:fs";
import path from "node:path";
import { goldenModel } from "../support/llama-golden.ts";
import { InputError } from "../../src/util/errors.ts";

test("tensors stand one after the other: no element is nobody's, none is two tensors'", () => {
  const shape = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(fc.array(shape, { maxLength: 6 }), (shapes) => {
      const { trainables, size } = layOut(shapes.map((one, i) => ({ name: `t${i}`, shape: one })));
      const owners = new Uint8Array(size);
      for (const { offset, length } of trainables) {
        for (let i = offset; i < offset + length; i++) owners[i]! += 1;
      }
      assert.deepEqual(owners, new Uint8Array(size).fill(1));
      trainables.forEach(({ name, length }, i) => {
        assert.equal(name, `t${i}`);
        assert.equal(
          length,
          shapes[i]!.reduce((a, b) => a * b, 1),
        );
      });
    }),
  );
});

test("what the optimizer writes is what the next run is fed; what it started from stays", () => {
  const shapes = [
    { name: "a", shape: [2, 2] },
    { name: "whole", shape: [3] },
    { name: "b", shape: [1] },
  ];
  const { trainables, size } = layOut(shapes);
  const parameters = Float32Array.from({ length: size }, (_, i) => i);
  const feeds = parameterFeeds(trainables, parameters);
  const own = shapes.filter(({ name }) => name !== "whole");
  const adapter = { tensors: own, feedsStart: true } as unknown as Adapter;
  const start = startFeeds(adapter, { trainables, parameters });
  parameters.fill(-1);
  assert.deepEqual(feeds, {
    a: new Float32Array(4).fill(-1),
    whole: new Float32Array(3).fill(-1),
    b: Float32Array.of(-1),
  });
  // The adapter's own alone, by names that are not those of the live ones.
  assert.deepEqual(Object.values(start), [Float32Array.of(0, 1, 2, 3), Float32Array.of(7)]);
  for (const name of Object.keys(start)) assert.ok(!(name in feeds), name);
});

test("an adapter that does not ask for its start is fed none", () => {
  const { trainables, size } = layOut([{ name: "a", shape: [2] }]);
  const state = { trainables, parameters: new Float32Array(size) };
  assert.deepEqual(startFeeds(undefined, state), {});
  assert.deepEqual(startFeeds({ tensors: trainables } as unknown as Adapter, state), {});
});

test("rows may be as long as the model has positions, virtual tokens included", async () => {
  const base = await openBaseModel(goldenModel("tied"));
  const { maxPositions } = base.architecture;
  checkLength(base, maxPositions);
  checkLength(base, maxPositions - 3, 3);
  const says = (length: number, virtual: number, message: RegExp): void =>
    assert.throws(
      () => checkLength(base, length, virtual),
      (error: unknown) => {
        assert.ok(error instanceof InputError);
        assert.match(error.message, message);
        assert.ok(error.message.includes(base.dir));
        return true;
      },
    );
  says(
    maxPositions + 1,
    0,
    new RegExp(
      `^data\\.maxLength ${maxPositions + 1} is above the ${maxPositions} positions .*; lower it to ${maxPositions}$`,
      "u",
    ),
  );
  says(
    maxPositions,
    3,
    new RegExp(
      `^data\\.maxLength ${maxPositions} and 3 virtual tokens are above .*; lower it to ${maxPositions - 3}$`,
      "u",
    ),
  );
  // No row fits at all.
  says(1, maxPositions, /; lower method\.tokens$/u);
});

for (const name of ["tied", "untied"]) {
  test(`where the session is told that a weight lies, its bytes lie (${name})`, async () => {
    const base = await openBaseModel(goldenModel(name));
    const { weightsDir, locate } = await sessionOptionsOf(base, { threads: 1, prepack: false });
    const files = new Map<string, Buffer>();
    for (const [tensor, info] of base.weights) {
      const { path: file, byteOffset, byteLength } = locate(tensor);
      const whole = files.get(file) ?? readFileSync(path.join(weightsDir, file));
      files.set(file, whole);
      const bytes = whole.subarray(byteOffset, byteOffset + byteLength);
      assert.ok(bytes.equals(await readTensorBytes(info)), tensor);
    }
    assert.ok(files.size === (name === "tied" ? 1 : 3), "every file of the checkpoint");
  });
}
