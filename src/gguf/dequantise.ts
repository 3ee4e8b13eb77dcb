/**
 * ggml's block formats, unpacked to float32 bit for bit as the `gguf` Python package does
 * (gguf/quants.py; layouts: ggml-common.h). A block is a few scales and the packed integers q of
 * its elements:
 *
 *   Q4_0 Q5_0 Q8_0   d·q           Q4_1 Q5_1        d·q + m
 *   Q3_K Q6_K        (d·sc)·q      Q2_K Q4_K Q5_K   (d·sc)·q − (dmin·mn)
 *
 * Every product is exact in double precision, and one addition of float32 values in double
 * precision rounds to float32 as if done there; so plain arithmetic and one store are exact.
 */
import { kScales, q3Scales } from "./block-scales.ts";
import { halfToFloat } from "../tensors/half-table.ts";

/** Fills `out` from the whole blocks of `bytes`. */
export type Dequantise = (bytes: Uint8Array, out: Float32Array) => void;

function q8_0(bytes: Uint8Array, out: Float32Array): void {
  const half = halfToFloat();
  for (let block = 0, to = 0; to < out.length; block += 34) {
    const d = half[bytes[block]! | (bytes[block + 1]! << 8)]!;
    for (let i = 0; i < 32; i++) out[to++] = ((bytes[block + 2 + i]! << 24) >> 24) * d;
  }
}

/** Low nibbles are the block's first half, high nibbles its second. */
function q4_0(bytes: Uint8Array, out: Float32Array): void {
  const half = halfToFloat();
  for (let block = 0, to = 0; to < out.length; block += 18, to += 32) {
    const d = half[bytes[block]! | (bytes[block + 1]! << 8)]!;
    for (let i = 0; i < 16; i++) {
      const pair = bytes[block + 2 + i]!;
      out[to + i] = d * ((pair & 15) - 8);
      out[to + 16 + i] = d * ((pair >> 4) - 8);
    }
  }
}

function q4_1(bytes: Uint8Array, out: Float32Array): void {
  const half = halfToFloat();
  for (let block = 0, to = 0; to < out.length; block += 20, to += 32) {
    const d = half[bytes[block]! | (bytes[block + 1]! << 8)]!;
    const m = half[bytes[block + 2]! | (bytes[block + 3]! << 8)]!;
    for (let i = 0; i < 16; i++) {
      const pair = bytes[block + 4 + i]!;
      out[to + i] = d * (pair & 15) + m;
      out[to + 16 + i] = d * (pair >> 4) + m;
    }
  }
}

/** As Q4_0, with bit i of a 32-bit word above element i's nibble. */
function q5_0(bytes: Uint8Array, out: Float32Array): void {
  const half = halfToFloat();
  for (let block = 0, to = 0; to < out.length; block += 22, to += 32) {
    const d = half[bytes[block]! | (bytes[block + 1]! << 8)]!;
    const high = word(bytes, block + 2);
    for (let i = 0; i < 16; i++) {
      const pair = bytes[block + 6 + i]!;
      out[to + i] = d * (((pair & 15) | (((high >>> i) & 1) << 4)) - 16);
      out[to + 16 + i] = d * (((pair >> 4) | (((high >>> (i + 16)) & 1) << 4)) - 16);
    }
  }
}

function q5_1(bytes: Uint8Array, out: Float32Array): void {
  const half = halfToFloat();
  for (let block = 0, to = 0; to < out.length; block += 24, to += 32) {
    const d = half[bytes[block]! | (bytes[block + 1]! << 8)]!;
    const m = half[bytes[block + 2]! | (bytes[block + 3]! << 8)]!;
    const high = word(bytes, block + 4);
    for (let i = 0; i < 16; i++) {
      const pair = bytes[block + 8 + i]!;
      out[to + i] = d * ((pair & 15) | (((high >>> i) & 1) << 4)) + m;
      out[to + 16 + i] = d * ((pair >> 4) | (((high >>> (i + 16)) & 1) << 4)) + m;
    }
  }
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

/** 256 elements in 8 runs of 32: 12 bytes of scales and minima, then two runs to 32 bytes. */
function q4_K(bytes: Uint8Array, out: Float32Array): void {
  const half = halfToFloat();
  const scales = new Uint8Array(16);
  for (let block = 0, to = 0; to < out.length; block += 144, to += 256) {
    const d = half[bytes[block]! | (bytes[block + 1]! << 8)]!;
    const dmin = half[bytes[block + 2]! | (bytes[block + 3]! << 8)]!;
    kScales(bytes, block + 4, scales);
    for (let run = 0; run < 8; run++) {
      const scale = d * scales[run]!;
      const min = dmin * scales[8 + run]!;
      const from = block + 16 + (run >> 1) * 32;
      const shift = (run & 1) * 4;
      const start = to + run * 32;
      for (let i = 0; i < 32; i++) {
        out[start + i] = scale * ((bytes[from + i]! >> shift) & 15) - min;
      }
    }
  }
}

/** As Q4_K, with bit `run` of 32 bytes above each nibble. */
function q5_K(bytes: Uint8Array, out: Float32Array): void {
  const half = halfToFloat();
  const scales = new Uint8Array(16);
  for (let block = 0, to = 0; to < out.length; block += 176, to += 256) {
    const d = half[bytes[block]! | (bytes[block + 1]! << 8)]!;
    const dmin = half[bytes[block + 2]! | (bytes[block + 3]! << 8)]!;
    kScales(bytes, block + 4, scales);
    for (let run = 0; run < 8; run++) {
      const scale = d * scales[run]!;
      const min = dmin * scales[8 + run]!;
      const from = block + 48 + (run >> 1) * 32;
      const shift = (run & 1) * 4;
      const start = to + run * 32;
      for (let i = 0; i < 32; i++) {
        const high = (bytes[block + 16 + i]! >> run) & 1;
        out[start + i] = scale * (((bytes[from + i]! >> shift) & 15) | (high << 4)) - min;
      }
    }
  }
}

/** 128 bytes of nibbles, 64 of bit pairs, 16 signed scales of 16 elements each, then d. */
function q6_K(bytes: Uint8Array, out: Float32Array): void {
  const half = halfToFloat();
  for (let block = 0, to = 0; to < out.length; block += 210, to += 256) {
    const d = half[bytes[block + 208]! | (bytes[block + 209]! << 8)]!;
    for (let group = 0; group < 16; group++) {
      const scale = d * ((bytes[block + 192 + group]! << 24) >> 24);
      const side = group >> 3;
      // Which 32 of the side's 128 elements, and where among them the group starts.
      const run = (group & 7) >> 1;
      const low = block + side * 64 + (run & 1) * 32 + (group & 1) * 16;
      const high = block + 128 + side * 32 + (group & 1) * 16;
      const start = to + group * 16;
      for (let i = 0; i < 16; i++) {
        const nibble = (bytes[low + i]! >> ((run >> 1) * 4)) & 15;
        const pair = (bytes[high + i]! >> (run * 2)) & 3;
        out[start + i] = scale * ((nibble | (pair << 4)) - 32);
      }
    }
  }
}

/** 16 bytes of scale and minimum for 16 elements each, 64 bytes of bit pairs, then d and dmin. */
function q2_K(bytes: Uint8Array, out: Float32Array): void {
  const half = halfToFloat();
  for (let block = 0, to = 0; to < out.length; block += 84, to += 256) {
    const d = half[bytes[block + 80]! | (bytes[block + 81]! << 8)]!;
    const dmin = half[bytes[block + 82]! | (bytes[block + 83]! << 8)]!;
    for (let group = 0; group < 16; group++) {
      const scale = d * (bytes[block + group]! & 15);
      const min = dmin * (bytes[block + group]! >> 4);
      const from = block + 16 + (group >> 3) * 32 + (group & 1) * 16;
      const shift = ((group & 7) >> 1) * 2;
      const start = to + group * 16;
      for (let i = 0; i < 16; i++) {
        out[start + i] = scale * ((bytes[from + i]! >> shift) & 3) - min;
      }
    }
  }
}

/** 32 bytes of high bits, 64 of bit pairs, 12 of scales, then d. A high bit that is set adds nothing; a clear one takes 4 off. */
function q3_K(bytes: Uint8Array, out: Float32Array): void {
  const half = halfToFloat();
  const scales = new Int8Array(16);
  for (let block = 0, to = 0; to < out.length; block += 110, to += 256) {
    const d = half[bytes[block + 108]! | (bytes[block + 109]! << 8)]!;
    q3Scales(bytes, block + 96, scales);
    for (let group = 0; group < 16; group++) {
      const scale = d * scales[group]!;
      const run = group >> 1;
      const within = (group & 1) * 16;
      const from = block + 32 + (group >> 3) * 32 + within;
      const start = to + group * 16;
      for (let i = 0; i < 16; i++) {
        const pair = (bytes[from + i]! >> ((run & 3) * 2)) & 3;
        const clear = ((bytes[block + within + i]! >> run) & 1) ^ 1;
        out[start + i] = scale * (pair - (clear << 2));
      }
    }
  }
}

function f32(bytes: Uint8Array, out: Float32Array): void {
  new Uint8Array(out.buffer, out.byteOffset, out.byteLength).set(bytes);
}

function f16(bytes: Uint8Array, out: Float32Array): void {
  const half = halfToFloat();
  for (let i = 0; i < out.length; i++) out[i] = half[bytes[2 * i]! | (bytes[2 * i + 1]! << 8)]!;
}

/** bfloat16 is the upper half of a float32. */
function bf16(bytes: Uint8Array, out: Float32Array): void {
  const words = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let i = 0; i < words.length; i++) {
    words[i] = (bytes[2 * i]! << 16) | (bytes[2 * i + 1]! << 24);
  }
}

export const DEQUANTISE = {
  F32: f32,
  F16: f16,
  BF16: bf16,
  Q8_0: q8_0,
  Q4_0: q4_0,
  Q4_1: q4_1,
  Q5_0: q5_0,
  Q5_1: q5_1,
  Q2_K: q2_K,
  Q3_K: q3_K,
  Q4_K: q4_K,
  Q5_K: q5_K,
  Q6_K: q6_K,
} as const satisfies Record<string, Dequantise>;
