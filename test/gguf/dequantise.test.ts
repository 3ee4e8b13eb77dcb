import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { DEQUANTISE } from "../../src/gguf/dequantise.ts";
import { readSafetensorsHeader, readTensorBytes } from "../../src/tensors/safetensors.ts";

const file = fileURLToPath(new URL("../golden/gguf/blocks.safetensors", import.meta.url));

for (const [name, dequantise] of Object.entries(DEQUANTISE)) {
  test(`${name} blocks become the gguf package's values, bit for bit`, async () => {
    const { tensors } = await readSafetensorsHeader(file);
    const bytes = await readTensorBytes(tensors.get(`${name}.bytes`)!);
    const expected = await readTensorBytes(tensors.get(`${name}.values`)!);
    const values = new Float32Array(expected.length / 4);
    dequantise(bytes, values);
    const actual = new Uint32Array(values.buffer);
    const wanted = new Uint32Array(expected.slice().buffer);
    assert.ok(wanted.length >= 64);
    wanted.forEach((bits, i) => {
      assert.equal(actual[i], bits, `element ${i}: ${values[i]}`);
    });
  });
}
