/** Tiny Llamas with PyTorch's losses and gradients (test/golden/models, by make_llama.py). */
import { fileURLToPath } from "node:url";
import type { Example } from "../../src/data/example.ts";
import {
  readSafetensorsHeader,
  readTensor,
  readTensorBytes,
} from "../../src/tensors/safetensors.ts";

export function goldenModel(variant: string, file = ""): string {
  return fileURLToPath(new URL(`../golden/models/${variant}/${file}`, import.meta.url));
}

export async function readExpected(variant: string) {
  const { tensors } = await readSafetensorsHeader(goldenModel(variant, "expected.safetensors"));
  const floats = (name: string): Promise<Float32Array> => readTensor(tensors.get(name)!);
  const ints = async (name: string): Promise<number[]> => {
    const bytes = await readTensorBytes(tensors.get(name)!);
    return Array.from(new BigInt64Array(bytes.slice().buffer), Number);
  };
  return { tensors, floats, ints };
}

export async function readBatch(variant: string): Promise<Example[]> {
  const { tensors, ints } = await readExpected(variant);
  const width = tensors.get("ids")!.shape[1]!;
  const [ids, counted, lengths] = [await ints("ids"), await ints("counted"), await ints("lengths")];
  return lengths.map((length, row) => ({
    ids: Int32Array.from(ids.slice(row * width, row * width + length)),
    weights: Float32Array.from(counted.slice(row * width, row * width + length)),
    line: row + 1,
  }));
}

export const countedIn = (batch: readonly Example[]): number =>
  batch.reduce((sum, { weights }) => sum + weights.reduce((a, b) => a + b, 0), 0);
