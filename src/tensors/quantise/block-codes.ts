/**
 * Weights as small integers in blocks of 32 with one float16 scale each, by the rules of llama.cpp's
 * Q4_0 and Q8_0:
 *
 *     int4: scale = m / −8, m the block's value of largest magnitude with its sign; codes −8 … 7
 *     int8: scale = max |x| / 127; codes −127 … 127
 *     code = clamp(round(x / scale)), ties to even;  x ≈ scale · code
 *
 * Codes are taken against the scale as it is stored, so its rounding is not an error of its own.
 * scale · code has at most 19 significant bits: float32 holds it exactly.
 */
import { fromFloat32, toFloat32 } from "../dtype.ts";

export type BlockType = "int8" | "int4";

export const BLOCK_SIZE = 32;
/** Integers of a code and 16 bits of scale for each block. */
export const BITS_PER_WEIGHT: Record<BlockType, number> = {
  int8: 8 + 16 / BLOCK_SIZE,
  int4: 4 + 16 / BLOCK_SIZE,
};

/** Adding and subtracting it rounds a float64 to an integer, ties to even. */
const ROUNDER = 1.5 * 2 ** 52;

export interface BlockCodes {
  /** int8: a byte a code. int4: two codes a byte, the earlier in the lower half, as ONNX packs them. */
  codes: Uint8Array;
  /** float16, one per block; not finite where the block has a value that is not, or too large for it. */
  scales: Uint8Array;
}

/** @param values whole blocks */
export function quantiseBlocks(values: Float32Array, type: BlockType): BlockCodes {
  const exact = new Float32Array(values.length / BLOCK_SIZE);
  for (let block = 0; block < exact.length; block++) exact[block] = blockScale(values, block, type);
  const scales = fromFloat32(exact, "F16");
  const codes = roundToCodes(values, toFloat32(scales, "F16"), type);
  return { codes: type === "int8" ? new Uint8Array(codes.buffer) : packNibbles(codes), scales };
}

function blockScale(values: Float32Array, block: number, type: BlockType): number {
  let extreme = 0;
  let magnitude = 0;
  for (let i = block * BLOCK_SIZE; i < (block + 1) * BLOCK_SIZE; i++) {
    const value = values[i]!;
    if (Math.abs(value) > magnitude) extreme = value;
    // Once NaN, it stays NaN.
    magnitude = Math.max(magnitude, Math.abs(value));
  }
  // Not a negative zero.
  if (magnitude === 0) return 0;
  return type === "int4" && Number.isFinite(magnitude) ? extreme / -8 : magnitude / 127;
}

function roundToCodes(values: Float32Array, scales: Float32Array, type: BlockType): Int8Array {
  const [lowest, highest] = type === "int4" ? [-8, 7] : [-127, 127];
  const codes = new Int8Array(values.length);
  for (let block = 0; block < scales.length; block++) {
    const scale = scales[block]!;
    // A block of zeros, or of values so small that their scale is: its codes stay 0.
    if (scale === 0) continue;
    for (let i = block * BLOCK_SIZE; i < (block + 1) * BLOCK_SIZE; i++) {
      const rounded = values[i]! / scale + ROUNDER - ROUNDER;
      codes[i] = rounded < lowest ? lowest : rounded > highest ? highest : rounded;
    }
  }
  return codes;
}

function packNibbles(codes: Int8Array): Uint8Array {
  const packed = new Uint8Array(codes.length / 2);
  for (let i = 0; i < packed.length; i++) {
    packed[i] = (codes[2 * i]! & 15) | ((codes[2 * i + 1]! & 15) << 4);
  }
  return packed;
}
