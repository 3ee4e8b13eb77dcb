/** Element types in safetensors' spelling, and their conversion to and from float32. */
import { Float16Array } from "@petamoriken/float16";
import { InternalError } from "../util/errors.ts";

/** Whole bytes only; the format's packed 4- and 6-bit types are refused where files are read. */
export const DTYPE_BYTES = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
  C64: 8,
  F8_E5M2: 1,
  F8_E4M3: 1,
  F8_E8M0: 1,
} as const;

export type DType = keyof typeof DTYPE_BYTES;

/** The types whose values Retune computes with. */
export type FloatDType = "F64" | "F32" | "F16" | "BF16";

export function isFloatDType(dtype: DType): dtype is FloatDType {
  return dtype === "F64" || dtype === "F32" || dtype === "F16" || dtype === "BF16";
}

/** The same bytes at an address that a typed array of `size`-byte elements accepts. */
function aligned(bytes: Uint8Array, size: number): Uint8Array {
  return bytes.byteOffset % size === 0 ? bytes : bytes.slice();
}

/** @throws InternalError for a type that holds no real numbers */
export function toFloat32(bytes: Uint8Array, dtype: DType): Float32Array {
  if (!isFloatDType(dtype)) throw new InternalError(`${dtype} does not convert to float32`);
  const size = DTYPE_BYTES[dtype];
  const { buffer, byteOffset, byteLength } = aligned(bytes, size);
  const length = byteLength / size;
  switch (dtype) {
    case "F32":
      return new Float32Array(buffer, byteOffset, length);
    case "F64":
      return Float32Array.from(new Float64Array(buffer, byteOffset, length));
    case "F16":
      return Float32Array.from(new Float16Array(buffer as ArrayBuffer, byteOffset, length));
    case "BF16":
      return widenBfloat16(new Uint16Array(buffer, byteOffset, length));
  }
}

/** bfloat16 is the upper half of a float32. */
function widenBfloat16(halves: Uint16Array): Float32Array {
  const words = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) words[i] = halves[i]! << 16;
  return new Float32Array(words.buffer);
}

/** Rounds to nearest, ties to even, as PyTorch does. @throws InternalError for a type that holds no real numbers */
export function fromFloat32(values: Float32Array, dtype: DType): Uint8Array {
  if (!isFloatDType(dtype)) throw new InternalError(`float32 does not convert to ${dtype}`);
  switch (dtype) {
    case "F32":
      return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    case "F64":
      return new Uint8Array(Float64Array.from(values).buffer);
    case "F16":
      return new Uint8Array(new Float16Array(values).buffer);
    case "BF16":
      return new Uint8Array(narrowToBfloat16(values).buffer);
  }
}

function narrowToBfloat16(values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const isNaN = (word & 0x7fffffff) > 0x7f800000;
    // Adding just under half of the last kept bit, plus that bit, rounds ties to even.
    halves[i] = isNaN ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return halves;
}
