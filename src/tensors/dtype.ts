/** Element types in safetensors' spelling, and their conversion to and from float32. */
import { InternalError } from "../util/errors.ts";
import { halfToFloat } from "./half-table.ts";

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

type Elements = Float32Array | Float64Array | Uint16Array;

/** The same bytes as a typed array, copied where they lie at an address that it does not accept. */
function elementsOf<T extends Elements>(
  bytes: Uint8Array,
  type: {
    new (buffer: ArrayBufferLike, byteOffset: number, length: number): T;
    BYTES_PER_ELEMENT: number;
  },
): T {
  const size = type.BYTES_PER_ELEMENT;
  const { buffer, byteOffset, byteLength } =
    bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  return new type(buffer, byteOffset, byteLength / size);
}

/** @throws InternalError for a type that holds no real numbers */
export function toFloat32(bytes: Uint8Array, dtype: DType): Float32Array {
  if (dtype === "F32") return elementsOf(bytes, Float32Array);
  const values = new Float32Array(bytes.byteLength / DTYPE_BYTES[dtype]);
  widen(bytes, dtype, values);
  return values;
}

/**
 * The values of `bytes` into `target`, which has their number.
 * @returns whether all of them are finite
 * @throws InternalError for a type that holds no real numbers
 */
export function widen(bytes: Uint8Array, dtype: DType, target: Float32Array): boolean {
  if (!isFloatDType(dtype)) throw new InternalError(`${dtype} does not convert to float32`);
  switch (dtype) {
    case "F32":
      target.set(elementsOf(bytes, Float32Array));
      return allFinite(wordsOf(target));
    case "F64":
      target.set(elementsOf(bytes, Float64Array));
      return allFinite(wordsOf(target));
    case "F16":
      return widenHalf(elementsOf(bytes, Uint16Array), target);
    case "BF16":
      return widenBfloat16(elementsOf(bytes, Uint16Array), wordsOf(target));
  }
}

// Below, a value that is infinite or NaN has an exponent of ones only, and one more carries into the sign's
// place: a whole array is so checked without a branch, in the loop that converts it.
const INFINITY = 0x7f800000;
const SIGN = 0x80000000;
const EXPONENT_STEP = 0x00800000;

function wordsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}

/** @param words bit patterns of float32 */
function allFinite(words: Uint32Array): boolean {
  let carry = 0;
  for (let i = 0; i < words.length; i++) carry |= (words[i]! & INFINITY) + EXPONENT_STEP;
  return (carry & SIGN) === 0;
}

function widenHalf(halves: Uint16Array, target: Float32Array): boolean {
  const table = halfToFloat();
  let carry = 0;
  for (let i = 0; i < target.length; i++) {
    const half = halves[i]!;
    target[i] = table[half]!;
    carry |= (half & 0x7c00) + 0x400;
  }
  return (carry & 0x8000) === 0;
}

/** bfloat16 is the upper half of a float32. */
function widenBfloat16(halves: Uint16Array, words: Uint32Array): boolean {
  let carry = 0;
  for (let i = 0; i < words.length; i++) {
    const word = halves[i]! << 16;
    words[i] = word;
    carry |= (word & INFINITY) + EXPONENT_STEP;
  }
  return (carry & SIGN) === 0;
}

/** Rounds to nearest, ties to even, as PyTorch does. @throws InternalError for a type that holds no real numbers */
export function fromFloat32(values: Float32Array, dtype: DType): Uint8Array {
  if (dtype === "F32") return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const bytes = new Uint8Array(values.length * DTYPE_BYTES[dtype]);
  narrow(values, dtype, bytes);
  return bytes;
}

/**
 * `fromFloat32` into `target`, which has as many bytes as the values take, at an address that the type
 * accepts.
 * @returns whether all of them are finite, as rounded
 * @throws InternalError for a type that holds no real numbers
 */
export function narrow(values: Float32Array, dtype: DType, target: Uint8Array): boolean {
  if (!isFloatDType(dtype)) throw new InternalError(`float32 does not convert to ${dtype}`);
  const { buffer, byteOffset } = target;
  const words = wordsOf(values);
  switch (dtype) {
    case "F32":
      new Float32Array(buffer, byteOffset, values.length).set(values);
      return allFinite(words);
    case "F64":
      new Float64Array(buffer, byteOffset, values.length).set(values);
      return allFinite(words);
    case "F16":
      return narrowToHalf(words, new Uint16Array(buffer, byteOffset, values.length));
    case "BF16":
      return narrowToBfloat16(words, new Uint16Array(buffer, byteOffset, values.length));
  }
}

/** 2^16, where float16 ends; what lies between 65,504 and here rounds up to infinity by itself. */
const HALF_END = 0x47800000;
/** 2^-14, below which float16 has subnormal numbers only, multiples of 2^-24. */
const HALF_NORMAL = 0x38800000;
/** The difference of the exponents' biases, 127 − 15, in place. */
const HALF_BIAS = 112 << 23;
/** Added to a number below 2^51 and taken away again it leaves the nearest whole number, of two the even one. */
const TO_WHOLE = 1.5 * 2 ** 52;
const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

/** @param words bit patterns of float32 */
function narrowToHalf(words: Uint32Array, halves: Uint16Array): boolean {
  let carry = 0;
  for (let i = 0; i < halves.length; i++) {
    const word = words[i]!;
    const size = word & 0x7fffffff;
    let half: number;
    if (size >= HALF_END) half = size > INFINITY ? 0x7e00 : 0x7c00;
    else if (size >= HALF_NORMAL) {
      half = (size - HALF_BIAS + 0xfff + ((size >>> 13) & 1)) >>> 13;
    } else {
      scratchBits[0] = size;
      half = scratch[0]! * 2 ** 24 + TO_WHOLE - TO_WHOLE;
    }
    halves[i] = ((word >>> 16) & 0x8000) | half;
    carry |= (half & 0x7c00) + 0x400;
  }
  return (carry & 0x8000) === 0;
}

/** @param words bit patterns of float32 */
function narrowToBfloat16(words: Uint32Array, halves: Uint16Array): boolean {
  let carry = 0;
  for (let i = 0; i < halves.length; i++) {
    const word = words[i]!;
    const isNaN = (word & 0x7fffffff) > INFINITY;
    // Adding just under half of the last kept bit, plus that bit, rounds ties to even.
    const half = isNaN ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
    halves[i] = half;
    carry |= (half & 0x7f80) + 0x80;
  }
  return (carry & 0x8000) === 0;
}
