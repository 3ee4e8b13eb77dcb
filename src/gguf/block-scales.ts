/** The scales of ggml's K-blocks, six bits each and packed in patterns of their own. */

/** Q4_K and Q5_K: 12 bytes to eight scales, then eight minima. */
export function kScales(bytes: Uint8Array, at: number, out: Uint8Array): void {
  for (let i = 0; i < 4; i++) {
    const scale = bytes[at + i]!;
    const min = bytes[at + 4 + i]!;
    const both = bytes[at + 8 + i]!;
    out[i] = scale & 63;
    out[4 + i] = (both & 15) | ((scale >> 2) & 48);
    out[8 + i] = min & 63;
    out[12 + i] = (both >> 4) | ((min >> 2) & 48);
  }
}

/** Q3_K: 12 bytes to sixteen scales, of which 32 is zero. */
export function q3Scales(bytes: Uint8Array, at: number, out: Int8Array): void {
  for (let i = 0; i < 16; i++) {
    const low = (bytes[at + (i & 7)]! >> (i < 8 ? 0 : 4)) & 15;
    const high = (bytes[at + 8 + (i & 3)]! >> ((i >> 2) * 2)) & 3;
    out[i] = (low | (high << 4)) - 32;
  }
}
