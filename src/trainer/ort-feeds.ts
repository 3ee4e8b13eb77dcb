/** Turns tokenised rows into what the graphs are fed. */
import { uniformFloat64 } from "pure-rand/distribution/uniformFloat64";
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import type { Example } from "../data/example.ts";
import type { Feed } from "./ort-session.ts";
import { FEEDS } from "./ort-graphs.ts";

/** Added to a score, makes its probability exactly 0 in float32. */
const HIDDEN = -1e9;

export interface BatchFeeds {
  feeds: Record<string, Feed>;
  sizes: { B: number; T: number; R: number; M: number };
  counted: number;
}

/** 0 on and below the diagonal shifted by `past`, else a large negative number; [tokens, past + tokens]. */
export function causalMask(tokens: number, past = 0): Float32Array {
  const keys = past + tokens;
  const mask = new Float32Array(tokens * keys);
  for (let t = 0; t < tokens; t++) mask.fill(HIDDEN, t * keys + past + t + 1, (t + 1) * keys);
  return mask;
}

/**
 * Rows are padded on the right to the longest: with a causal mask no real token sees the padding,
 * and padding never counts. Only the hidden states that predict a counted token reach the head.
 * @param scale coefficient of every counted token in the loss
 */
export function batchFeeds(batch: readonly Example[], scale: number): BatchFeeds {
  const longest = Math.max(...batch.map(({ ids }) => ids.length));
  // The last token predicts nothing: it is only ever a label.
  const T = Math.max(longest - 1, 1);
  const ids = new BigInt64Array(batch.length * T);
  const positions = new BigInt64Array(batch.length * T);
  const rows: bigint[] = [];
  const labels: bigint[] = [];
  batch.forEach((example, row) => {
    for (let t = 0; t < T; t++) {
      const at = row * T + t;
      positions[at] = BigInt(t);
      if (t >= example.ids.length) continue;
      ids[at] = BigInt(example.ids[t] ?? 0);
      if (example.counted[t + 1]) {
        rows.push(BigInt(at));
        labels.push(BigInt(example.ids[t + 1] ?? 0));
      }
    }
  });
  return {
    feeds: {
      [FEEDS.ids]: ids,
      [FEEDS.positions]: positions,
      [FEEDS.mask]: causalMask(T),
      [FEEDS.rows]: BigInt64Array.from(rows),
      [FEEDS.labels]: BigInt64Array.from(labels),
      [FEEDS.coefficients]: new Float32Array(rows.length).fill(scale),
    },
    sizes: { B: batch.length, T, R: rows.length, M: 1 },
    counted: rows.length,
  };
}

/** Distinct starting points for the sites within one pool, so that no two sites share a mask. */
const POOL_SLACK = 2 ** 16;

/**
 * The dropout masks of one micro-batch: a pool of zeros and 1/(1−rate), and where each site starts.
 * @param largest elements of the largest mask
 */
export function dropoutFeeds(options: {
  rate: number;
  sites: number;
  largest: number;
  seed: number;
}): { feeds: Record<string, Feed>; sizes: { D: number } } {
  const { rate, sites, largest, seed } = options;
  const random = xoroshiro128plus(seed);
  const keep = 1 / (1 - rate);
  const D = largest + POOL_SLACK;
  const pool = Float32Array.from({ length: D }, () => (uniformFloat64(random) < rate ? 0 : keep));
  const offsets = BigInt64Array.from({ length: sites }, () =>
    BigInt(uniformInt(random, 0, POOL_SLACK)),
  );
  return {
    feeds: { [FEEDS.dropoutPool]: pool, [FEEDS.dropoutOffsets]: offsets },
    sizes: { D },
  };
}
