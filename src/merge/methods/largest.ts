/**
 * The k largest of a tensor's scores, exactly, in passes over stretches: a radix selection over the 31 bits of a
 * float32 that is not negative, 16 at first and then 15. Of equal scores at the cut, the first ones in the
 * tensor are taken. Several lists of scores, or several k of one list, are looked through at once.
 */
import {
  type Figures,
  type MergeTensor,
  type Pass,
  STRETCH_ALIGNMENT,
  type Stretch,
} from "./method.ts";

const LOW_BITS = 15;
const HIGH_BUCKETS = 2 ** 16;
const LOW_BUCKETS = 2 ** LOW_BITS;
const MAGNITUDE_BITS = 0x7fffffff;

/** What is looked for. */
export interface Selection {
  /** k of each list: from 1 to the number of elements; 0 for a list that is not looked through. */
  counts: (tensor: MergeTensor, figures: Figures) => readonly number[];
  /** The scores of each list as bits (`scoreBits`); only of lists that are looked through. */
  scores: (
    stretch: Stretch,
    tensor: MergeTensor,
    figures: Figures,
  ) => readonly (Uint32Array | undefined)[];
}

/** Magnitudes order as their bits do. */
export function scoreBits(values: Float64Array | Float32Array): Uint32Array {
  const bits = new Uint32Array(new Float32Array(values).buffer);
  for (let i = 0; i < bits.length; i++) bits[i] = bits[i]! & MAGNITUDE_BITS;
  return bits;
}

/** The score that a figure `cut` stands for. */
export function scoreOf(bits: number): number {
  return new Float32Array(Uint32Array.of(bits).buffer)[0]!;
}

/** The bucket in which the k-th largest lies, and how many of it are among the k. */
function bucketOf(counts: Float64Array, k: number): { bucket: number; among: number; all: number } {
  let left = k;
  for (let bucket = counts.length - 1; bucket > 0; bucket--) {
    const all = counts[bucket]!;
    if (left <= all) return { bucket, among: left, all };
    left -= all;
  }
  return { bucket: 0, among: left, all: counts[0]! };
}

/** Figures `high` and `left`: the upper bits of the cut, and how many with these bits are taken. */
function highPass({ counts, scores }: Selection): Pass {
  return {
    size: (tensor, figures) => counts(tensor, figures).length * HIGH_BUCKETS,
    add: (sums, stretch, tensor, figures) => {
      for (const [list, bits] of scores(stretch, tensor, figures).entries()) {
        if (!bits) continue;
        const own = sums.subarray(list * HIGH_BUCKETS, (list + 1) * HIGH_BUCKETS);
        for (let i = 0; i < bits.length; i++) {
          const bucket = bits[i]! >>> LOW_BITS;
          own[bucket] = own[bucket]! + 1;
        }
      }
    },
    finish: (sums, tensor, figures) => {
      const found = counts(tensor, figures).map((k, list) =>
        bucketOf(sums.subarray(list * HIGH_BUCKETS, (list + 1) * HIGH_BUCKETS), k),
      );
      return {
        ...figures,
        high: found.map(({ bucket }) => bucket),
        left: found.map(({ among }) => among),
      };
    },
  };
}

/**
 * Figures `cut`: bits of the smallest score taken; `among`: how many of exactly that are taken; `surplus`: how
 * many of them are not.
 */
function lowPass({ counts, scores }: Selection): Pass {
  return {
    size: (tensor, figures) => counts(tensor, figures).length * LOW_BUCKETS,
    add: (sums, stretch, tensor, figures) => {
      for (const [list, bits] of scores(stretch, tensor, figures).entries()) {
        if (!bits) continue;
        const own = sums.subarray(list * LOW_BUCKETS, (list + 1) * LOW_BUCKETS);
        const high = figures["high"]![list]!;
        for (let i = 0; i < bits.length; i++) {
          if (bits[i]! >>> LOW_BITS !== high) continue;
          const bucket = bits[i]! & (LOW_BUCKETS - 1);
          own[bucket] = own[bucket]! + 1;
        }
      }
    },
    finish: (sums, tensor, figures) => {
      const { high = [], left = [] } = figures;
      const all = counts(tensor, figures);
      const found = all.map((_, list) =>
        bucketOf(sums.subarray(list * LOW_BUCKETS, (list + 1) * LOW_BUCKETS), left[list]!),
      );
      return {
        ...figures,
        cut: found.map(({ bucket }, list) => high[list]! * LOW_BUCKETS + bucket),
        among: found.map(({ among }) => among),
        surplus: found.map(({ among, all: equal }, list) => (all[list]! > 0 ? equal - among : 0)),
      };
    },
  };
}

/** Figures `block` and `inBlock`: the first block not taken whole, and how many of its equals are taken. */
function equalsPass({ scores, counts }: Selection): Pass {
  return {
    isNeedless: ({ surplus = [] }) => surplus.every((count) => count === 0),
    size: (tensor, figures) => counts(tensor, figures).length * blocksOf(tensor),
    add: (sums, stretch, tensor, figures) => {
      const blocks = blocksOf(tensor);
      for (const [list, bits] of scores(stretch, tensor, figures).entries()) {
        if (!bits || !figures["surplus"]![list]) continue;
        const own = figures["cut"]![list]!;
        for (let i = 0; i < bits.length; i++) {
          if (bits[i] !== own) continue;
          const at = list * blocks + Math.floor((stretch.start + i) / STRETCH_ALIGNMENT);
          sums[at] = sums[at]! + 1;
        }
      }
    },
    finish: (sums, tensor, figures) => {
      const blocks = blocksOf(tensor);
      const found = counts(tensor, figures).map((_, list) => {
        let left = figures["among"]![list]!;
        for (let block = 0; block < blocks; block++) {
          const count = sums[list * blocks + block]!;
          if (left < count) return { block, left };
          left -= count;
        }
        return { block: blocks, left: 0 };
      });
      return {
        ...figures,
        block: found.map(({ block }) => block),
        inBlock: found.map(({ left }) => left),
      };
    },
  };
}

function blocksOf({ elements }: MergeTensor): number {
  return Math.ceil(elements / STRETCH_ALIGNMENT);
}

/** The scores at the cuts alone: figure `cut`. For stretches of any kind. */
export function cutPasses(selection: Selection): readonly Pass[] {
  return [highPass(selection), lowPass(selection)];
}

/** What `largestOf` needs. For stretches at multiples of STRETCH_ALIGNMENT. */
export function largestPasses(selection: Selection): readonly Pass[] {
  return [...cutPasses(selection), equalsPass(selection)];
}

/**
 * Tells which of a stretch are among the list's k largest.
 * @param bits of its scores
 * @returns ones for those that are
 */
export function largestOf(
  bits: Uint32Array,
  list: number,
  { start, figures }: { start: number; figures: Figures },
): Uint8Array {
  const mask = new Uint8Array(bits.length);
  const cut = figures["cut"]![list]!;
  const lastWhole = (figures["block"]?.[list] ?? Infinity) * STRETCH_ALIGNMENT;
  let left = figures["inBlock"]?.[list] ?? 0;
  for (let i = 0; i < bits.length; i++) {
    const own = bits[i]!;
    if (own > cut) mask[i] = 1;
    if (own !== cut) continue;
    const at = start + i;
    if (at < lastWhole) mask[i] = 1;
    else if (at < lastWhole + STRETCH_ALIGNMENT && left > 0) {
      left--;
      mask[i] = 1;
    }
  }
  return mask;
}
