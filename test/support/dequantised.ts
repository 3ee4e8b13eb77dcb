import { toFloat32 } from "../../src/tensors/dtype.ts";
import type { BlockCodes, BlockType } from "../../src/tensors/quantise/block-codes.ts";

/** scale · code, each on its own: what the engine's weights stand for. */
export function dequantised({ codes, scales }: BlockCodes, type: BlockType): Float32Array {
  const factors = toFloat32(scales, "F16");
  return Float32Array.from({ length: factors.length * 32 }, (_, i) => {
    const byte = codes[type === "int8" ? i : i >> 1]!;
    const code = type === "int8" ? (byte << 24) >> 24 : (byte << (i % 2 === 0 ? 28 : 24)) >> 28;
    return factors[i >> 5]! * code;
  });
}
