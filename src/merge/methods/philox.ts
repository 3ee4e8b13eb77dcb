/**
 * Philox4x32-10 (Salmon and others, "Parallel random numbers: as easy as 1, 2, 3", SC 2011): random words as a
 * function of a key and a counter, so that any stretch of a tensor has its numbers without those before it.
 */
const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;
const ROUNDS = 10;
const WORDS = 4;
const TWO_32 = 2 ** 32;

/** Upper 32 bits of the product of two 32-bit words; no sum in it exceeds 32 bits. */
function highWord(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const other = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + (middle >>> 16) + (other >>> 16)) >>> 0;
}

/** Writes the four words of one counter to `out`. */
export function philox(
  counter: readonly [number, number, number, number],
  [key0, key1]: readonly [number, number],
  out: Uint32Array,
): void {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = [key0, key1];
  for (let round = 0; round < ROUNDS; round++) {
    const next0 = (highWord(MULTIPLIER_1, c2) ^ c1 ^ k0) >>> 0;
    const next2 = (highWord(MULTIPLIER_0, c0) ^ c3 ^ k1) >>> 0;
    c1 = Math.imul(MULTIPLIER_1, c2) >>> 0;
    c3 = Math.imul(MULTIPLIER_0, c0) >>> 0;
    c0 = next0;
    c2 = next2;
    k0 = (k0 + WEYL_0) >>> 0;
    k1 = (k1 + WEYL_1) >>> 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

export interface MaskPart {
  key: readonly [number, number];
  /** First element. */
  start: number;
  length: number;
  /** Probability of a one. */
  density: number;
}

/** Element i has word i mod 4 of counter ⌊i/4⌋. */
export function randomWords({ key, start, length }: Omit<MaskPart, "density">): Uint32Array {
  const first = Math.floor(start / WORDS);
  const before = start - first * WORDS;
  const words = new Uint32Array(Math.ceil((before + length) / WORDS) * WORDS);
  const four = new Uint32Array(WORDS);
  for (let at = 0; at < words.length; at += WORDS) {
    const counter = first + at / WORDS;
    philox([counter % TWO_32, Math.floor(counter / TWO_32), 0, 0], key, four);
    for (let j = 0; j < WORDS; j++) words[at + j] = four[j]!;
  }
  return words.subarray(before, before + length);
}

/**
 * An element of the mask is 1 where its word is below density · 2³².
 * @returns ones for what is kept
 */
export function bernoulliMask({ density, ...part }: MaskPart): Uint8Array {
  const words = randomWords(part);
  const mask = new Uint8Array(words.length);
  const limit = density * TWO_32;
  for (let i = 0; i < mask.length; i++) mask[i] = Number(words[i]! < limit);
  return mask;
}
