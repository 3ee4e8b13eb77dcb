import assert from "node:assert/strict";
import { test } from "node:test";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { productModel, productValues } from "../../../bench/train/product-model.ts";

/** [M, K] · [K, N], or · its transpose. */
function multiply(
  left: Float32Array,
  right: Float32Array,
  { rows, inner, outer, isBack }: { rows: number; inner: number; outer: number; isBack: boolean },
): Float32Array {
  return Float32Array.from({ length: rows * outer }, (_, at) => {
    const [row, column] = [Math.floor(at / outer), at % outer];
    let sum = 0;
    for (let k = 0; k < inner; k++) {
      const weight = right[isBack ? column * inner + k : k * outer + column] ?? Number.NaN;
      sum += (left[row * inner + k] ?? Number.NaN) * weight;
    }
    return sum;
  });
}

async function chain(inner: number, outer: number): Promise<Float32Array> {
  const session = await InferenceSession.create(productModel(2, [inner, outer], 2));
  const x = new Tensor("float32", productValues(2 * inner), [2, inner]);
  const data = (await session.run({ x0: x }))["x2"]?.data;
  assert(data instanceof Float32Array);
  return data;
}

function assertClose(got: Float32Array, expected: Float32Array): void {
  assert.equal(got.length, expected.length);
  got.forEach((value, at) => assert(Math.abs(value - (expected[at] ?? Number.NaN)) < 1e-5));
}

test("a chain goes through the weight and back through its transpose", async () => {
  const [rows, inner, outer] = [2, 3, 5];
  const weight = productValues(inner * outer);
  const there = { rows, inner, outer, isBack: false };
  const back = { rows, inner: outer, outer: inner, isBack: true };
  const between = multiply(productValues(rows * inner), weight, there);
  assertClose(await chain(inner, outer), multiply(between, weight, back));
});

test("a square is read the same way each time", async () => {
  const sizes = { rows: 2, inner: 4, outer: 4, isBack: false };
  const weight = productValues(16);
  const between = multiply(productValues(8), weight, sizes);
  assertClose(await chain(4, 4), multiply(between, weight, sizes));
});
