import { readTensorBytes } from "../tensors/safetensors.ts";
import { DEQUANTISE } from "./dequantise.ts";
import type { GgufTensor } from "./header.ts";
import { elementCount } from "../util/element-count.ts";

/** A tensor's bytes as the file has them. */
export function readRaw(file: string, tensor: GgufTensor): Promise<Uint8Array> {
  const { name, shape, byteOffset, byteLength } = tensor;
  return readTensorBytes({ name, dtype: "U8", shape, file, byteOffset, byteLength });
}

export function toFloats(bytes: Uint8Array, { type, shape }: GgufTensor): Float32Array {
  const values = new Float32Array(elementCount(shape));
  DEQUANTISE[type.name](bytes, values);
  return values;
}

export async function readFloats(file: string, tensor: GgufTensor): Promise<Float32Array> {
  return toFloats(await readRaw(file, tensor), tensor);
}
