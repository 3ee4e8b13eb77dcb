/** Digits of two sources as images of one size (samples/fetch-digits.mjs). */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { SAMPLES } from "../methods/measure.ts";

export const SIDE = 28;
const UCI_SIDE = 8;
/** MNIST's digits fill a box of 20 × 20 in the middle of their image; UCI's fill theirs. */
const BOX = 20;
const SEED = 1;

export interface Digits {
  /** [count, 28, 28], from 0 to 1 */
  images: Float32Array;
  labels: Uint8Array;
}

export interface DigitsData {
  mnist: { file: string; train: Digits; test: Digits };
  uci: { file: string; train: Digits; validation: Digits; test: Digits };
}

/** Drawn once with a fixed seed: 7,000 and 3,000 of MNIST's, 1,000, 297 and 500 of UCI's. */
export function readDigits(): DigitsData {
  const mnistFile = fileOf("mnist");
  const [train, test] = split(shuffled(mnistFile, SIDE), [7000, 3000]);
  const uciFile = fileOf("uci");
  const [tune, validation, uciTest] = split(shuffled(uciFile, UCI_SIDE), [1000, 297, 500]);
  if (!train || !test || !tune || !validation || !uciTest) throw new Error("internal: no split");
  return {
    mnist: { file: mnistFile, train, test },
    uci: { file: uciFile, train: tune, validation, test: uciTest },
  };
}

function fileOf(name: string): string {
  const file = path.join(SAMPLES, `data/digits/${name}.u8`);
  if (!existsSync(file)) throw new Error(`${file} is missing: node samples/fetch-digits.mjs`);
  return file;
}

function shuffled(file: string, side: number): Uint8Array[] {
  const bytes = readFileSync(file);
  const size = side * side + 1;
  const records = Array.from({ length: bytes.length / size }, (_, i) =>
    bytes.subarray(i * size, (i + 1) * size),
  );
  const random = xoroshiro128plus(SEED);
  for (let i = records.length - 1; i > 0; i--) {
    const j = uniformInt(random, 0, i);
    const [a, b] = [records[i], records[j]];
    if (a && b) [records[i], records[j]] = [b, a];
  }
  return records;
}

function split(records: readonly Uint8Array[], sizes: readonly number[]): Digits[] {
  let from = 0;
  return sizes.map((size) => {
    const part = records.slice(from, (from += size));
    const images = new Float32Array(part.length * SIDE * SIDE);
    part.forEach((record, i) => images.set(imageOf(record.subarray(1)), i * SIDE * SIDE));
    return { images, labels: Uint8Array.from(part, ([label = 0]) => label) };
  });
}

function imageOf(pixels: Uint8Array): Float32Array {
  if (pixels.length === SIDE * SIDE) return Float32Array.from(pixels, (value) => value / 255);
  return enlarged(Float32Array.from(pixels, (value) => value / 16));
}

/** 8 × 8 to 20 × 20 in the middle of 28 × 28, bilinear, pixel centres over pixel centres. */
function enlarged(pixels: Float32Array): Float32Array {
  const at = (row: number, column: number): number => pixels[row * UCI_SIDE + column] ?? 0;
  const place = (index: number): { low: number; high: number; share: number } => {
    const exact = ((index + 0.5) * UCI_SIDE) / BOX - 0.5;
    const low = Math.floor(exact);
    const inside = (one: number): number => Math.min(Math.max(one, 0), UCI_SIDE - 1);
    return { low: inside(low), high: inside(low + 1), share: exact - low };
  };
  const image = new Float32Array(SIDE * SIDE);
  const margin = (SIDE - BOX) / 2;
  for (let y = 0; y < BOX; y++) {
    const rows = place(y);
    for (let x = 0; x < BOX; x++) {
      const columns = place(x);
      const mixed = (row: number): number =>
        (1 - columns.share) * at(row, columns.low) + columns.share * at(row, columns.high);
      image[(margin + y) * SIDE + margin + x] =
        (1 - rows.share) * mixed(rows.low) + rows.share * mixed(rows.high);
    }
  }
  return image;
}
