/**
 * The k largest of a tensor's |δ|, exactly, in passes over stretches: a radix selection over the 31 bits of the
 * float32 magnitude, 16 at first and then 15. Of equal magnitudes at the cut, the first ones in the tensor
 * are kept.
 */
import { differences } from "./differences.ts";
import { type Figures, type MergeTensor, type Pass, STRETCH_ALIGNMENT } from "./method.ts";

const LOW_BITS = 15;
const HIGH_BUCKETS = 2 ** 16;
const LOW_BUCKETS = 2 ** LOW_BITS;
const MAGNITUDE_BITS = 0x7fffffff;

/** k = ⌊density · elements⌋, but one at least, as in mergekit. */
function keptCount({ elements, parameters }: MergeTensor, model: number): number {
  return Math.max(1, Math.floor(parameters.density[model]! * elements));
}

function isTrimmed({ parameters }: MergeTensor, model: number): boolean {
  return parameters.density[model]! < 1;
}

/** Magnitudes order as their bits do. */
function magnitudes(delta: Float64Array): Uint32Array {
  const bits = new Uint32Array(new Float32Array(delta).buffer);
  for (let i = 0; i < bits.length; i++) bits[i] = bits[i]! & MAGNITUDE_BITS;
  return bits;
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

const models = ({ parameters }: MergeTensor): number[] => [...parameters.weight.keys()];

/** Figures `high` and `left`: the upper bits of the cut, and how many with these bits are kept. */
const highPass: Pass = {
  size: (tensor) => models(tensor).length * HIGH_BUCKETS,
  add: (sums, stretch, tensor) => {
    for (const [model, delta] of differences(stretch).entries()) {
      if (!isTrimmed(tensor, model)) continue;
      const counts = sums.subarray(model * HIGH_BUCKETS, (model + 1) * HIGH_BUCKETS);
      const bits = magnitudes(delta);
      for (let i = 0; i < bits.length; i++) {
        const bucket = bits[i]! >>> LOW_BITS;
        counts[bucket] = counts[bucket]! + 1;
      }
    }
  },
  finish: (sums, tensor) => {
    const found = models(tensor).map((model) =>
      bucketOf(
        sums.subarray(model * HIGH_BUCKETS, (model + 1) * HIGH_BUCKETS),
        keptCount(tensor, model),
      ),
    );
    return { high: found.map(({ bucket }) => bucket), left: found.map(({ among }) => among) };
  },
};

/**
 * Figures `cut`: bits of the smallest kept magnitude; `among`: how many of exactly that are kept; `surplus`: how
 * many of them are not.
 */
const lowPass: Pass = {
  size: (tensor) => models(tensor).length * LOW_BUCKETS,
  add: (sums, stretch, tensor, { high = [] }) => {
    for (const [model, delta] of differences(stretch).entries()) {
      if (!isTrimmed(tensor, model)) continue;
      const counts = sums.subarray(model * LOW_BUCKETS, (model + 1) * LOW_BUCKETS);
      const own = high[model]!;
      const bits = magnitudes(delta);
      for (let i = 0; i < bits.length; i++) {
        if (bits[i]! >>> LOW_BITS !== own) continue;
        const bucket = bits[i]! & (LOW_BUCKETS - 1);
        counts[bucket] = counts[bucket]! + 1;
      }
    }
  },
  finish: (sums, tensor, figures) => {
    const { high = [], left = [] } = figures;
    const found = models(tensor).map((model) =>
      bucketOf(sums.subarray(model * LOW_BUCKETS, (model + 1) * LOW_BUCKETS), left[model]!),
    );
    return {
      ...figures,
      cut: found.map(({ bucket }, model) => high[model]! * LOW_BUCKETS + bucket),
      among: found.map(({ among }) => among),
      surplus: found.map(({ all, among }, model) => (isTrimmed(tensor, model) ? all - among : 0)),
    };
  },
};

/** Figures `block` and `inBlock`: the first block not kept whole, and how many of its equals are kept. */
const equalsPass: Pass = {
  isNeedless: ({ surplus = [] }) => surplus.every((count) => count === 0),
  size: (tensor) => models(tensor).length * blocksOf(tensor),
  add: (sums, stretch, tensor, { cut = [], surplus = [] }) => {
    const blocks = blocksOf(tensor);
    for (const [model, delta] of differences(stretch).entries()) {
      if (!surplus[model]) continue;
      const own = cut[model]!;
      const bits = magnitudes(delta);
      for (let i = 0; i < bits.length; i++) {
        if (bits[i] !== own) continue;
        const at = model * blocks + Math.floor((stretch.start + i) / STRETCH_ALIGNMENT);
        sums[at] = sums[at]! + 1;
      }
    }
  },
  finish: (sums, tensor, figures) => {
    const blocks = blocksOf(tensor);
    const found = models(tensor).map((model) => {
      let left = figures["among"]![model]!;
      for (let block = 0; block < blocks; block++) {
        const count = sums[model * blocks + block]!;
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

function blocksOf({ elements }: MergeTensor): number {
  return Math.ceil(elements / STRETCH_ALIGNMENT);
}

export const cutPasses: readonly Pass[] = [highPass, lowPass, equalsPass];

/** Sets to zero, in place, what is not among the model's k largest. */
export function cutSmall(
  delta: Float64Array,
  model: number,
  { start, figures }: { start: number; figures: Figures },
): void {
  const cut = figures["cut"]![model]!;
  const lastWhole = (figures["block"]?.[model] ?? Infinity) * STRETCH_ALIGNMENT;
  let left = figures["inBlock"]?.[model] ?? 0;
  const bits = magnitudes(delta);
  for (let i = 0; i < bits.length; i++) {
    const own = bits[i]!;
    if (own > cut) continue;
    if (own === cut) {
      const at = start + i;
      if (at < lastWhole) continue;
      if (at < lastWhole + STRETCH_ALIGNMENT && left > 0) {
        left--;
        continue;
      }
    }
    delta[i] = 0;
  }
}
