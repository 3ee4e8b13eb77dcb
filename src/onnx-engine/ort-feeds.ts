/** Turns tokenised rows into what the graphs are fed. */
import { uniformFloat64 } from "pure-rand/distribution/uniformFloat64";
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import type { Adapter, AdapterFeeds, RowPlace } from "../methods/method.ts";
import { type Example, promptLength } from "../data/example.ts";
import type { FedRow, RowHead } from "../objectives/row-head.ts";
import type { Feed, Rounding } from "./runtime.ts";
import { FEEDS, type GraphOptions, type StepForm } from "./ort-graphs.ts";
import { largest } from "../util/largest.ts";

/** Added to a score, makes its probability exactly 0 in float32. */
const HIDDEN = -1e9;

/** 0 on and below the diagonal shifted by `past`, else a large negative number; [tokens, past + tokens]. */
export function causalMask(tokens: number, past = 0): Float32Array {
  const keys = past + tokens;
  const mask = new Float32Array(tokens * keys);
  for (let t = 0; t < tokens; t++) mask.fill(HIDDEN, t * keys + past + t + 1, (t + 1) * keys);
  return mask;
}

/** Rows with something to learn, cut behind the last token that weighs anything, the longest first: what comes later, it can't see. */
export function trimRows(batch: readonly Example[]): readonly FedRow[] {
  return batch
    .map((example) => ({ example, length: fedLength(example) }))
    .filter(({ length }) => length > 0)
    .toSorted((a, b) => b.length - a.length);
}

/** A label is of the row whole. */
function fedLength({ ids, weights, label }: Example): number {
  return label === undefined ? weights.findLastIndex((weight) => weight !== 0) : ids.length;
}

/**
 * Rows shared out among runs of about `maxTokens` tokens; a longer row is a run of its own. A sum
 * over runs is the sum over the batch, to rounding: runs bound memory, and keep it in the caches.
 */
export function planRuns(
  rows: readonly FedRow[],
  maxTokens: number,
): readonly (readonly FedRow[])[] {
  const total = rows.reduce((sum, { length }) => sum + length, 0);
  const target = total / Math.max(Math.ceil(total / maxTokens), 1);
  const runs: FedRow[][] = [];
  let run: FedRow[] = [];
  let filled = Infinity;
  for (const row of rows) {
    // Attention sees each row as long as the run's first, which is its longest.
    const spread = (run.length + 1) * (run[0]?.length ?? 0);
    if (filled + row.length / 2 > target || spread > 2 * target) {
      run = [];
      runs.push(run);
      filled = 0;
    }
    run.push(row);
    filled += row.length;
  }
  return runs;
}

const UNROUNDED: Rounding = { tokens: 1, places: 1, rows: 1 };

export interface FeedForm {
  blocks: number;
  /** Left out: as they come. */
  rounding?: Rounding | undefined;
  /** Rows of the head come in multiples of this. */
  rowChunks: number;
  heads: number;
  keyValueHeads: number;
  /** Some need to know where its tokens stand. */
  adapter: Adapter | undefined;
  /** Left out where tokens are predicted. */
  rowHead?: RowHead | undefined;
}

export function feedFormOf(
  { architecture, tuning: { adapter }, rowHead }: GraphOptions,
  form: StepForm,
  rounding?: Rounding,
): FeedForm {
  return { ...form, ...architecture, adapter, rowHead, rounding };
}

function roundUp(size: number, multiple: number): number {
  return Math.ceil(size / multiple) * multiple;
}

/** And of the adapter's own symbols. */
interface BodySizes {
  N: number;
  B: number;
  L: number;
  [symbol: string]: number;
}

export interface RunFeeds {
  feeds: Record<string, Feed>;
  sizes: BodySizes & { R: number };
  counted: number;
}

/**
 * One run: rows stand one after the other in a flat sequence, so no product is spent on padding;
 * only attention sees them apart, padded to whole blocks. Only the hidden states that predict a
 * counted token reach the head.
 * @param scale of the loss; a token's weight comes on top
 */
export function runFeeds(rows: readonly FedRow[], scale: number, form: FeedForm): RunFeeds {
  const { rowHead } = form;
  const lead = form.adapter?.virtualTokens ?? 0;
  const body = bodyFeeds(rows, form);
  const head = rowHead
    ? { ...rowHead.feeds(rows, { scale, lead }), counted: rows.length }
    : tokenFeeds(rows, { scale, lead }, form);
  return {
    feeds: { ...body.feeds, ...head.feeds },
    sizes: { ...body.sizes, R: head.R },
    counted: head.counted,
  };
}

/** One run of which every own token's hidden state is wanted. */
export function hiddenFeeds(rows: readonly FedRow[], form: FeedForm): Omit<RunFeeds, "counted"> {
  const lead = form.adapter?.virtualTokens ?? 0;
  const { feeds, sizes } = bodyFeeds(rows, form);
  const chosen: bigint[] = [];
  let end = 0;
  for (const { length } of rows) {
    for (let t = 0; t < length; t++) chosen.push(BigInt(end + lead + t));
    end += lead + length;
  }
  return {
    feeds: { ...feeds, [FEEDS.rows]: BigInt64Array.from(chosen) },
    sizes: { ...sizes, R: chosen.length },
  };
}

/** All that the model itself is fed. */
function bodyFeeds(
  rows: readonly FedRow[],
  form: FeedForm,
): { feeds: Record<string, Feed>; sizes: BodySizes } {
  const { adapter } = form;
  const lead = adapter?.virtualTokens ?? 0;
  const lengths = rows.map(({ length }) => lead + length);
  const own = lengths.reduce((sum, length) => sum + length, 0);
  // An adapter with feeds of its own counts the rows' tokens itself.
  const { tokens } = adapter?.feeds ? UNROUNDED : (form.rounding ?? UNROUNDED);
  const N = roundUp(own, tokens);
  const ids = new BigInt64Array(N);
  const positions = new BigInt64Array(N);
  const places: RowPlace[] = [];
  let at = 0;
  for (const { example, length } of rows) {
    places.push({ start: at, length: lead + length, lead, prompt: promptLength(example) });
    for (let t = 0; t < lead; t++, at++) positions[at] = BigInt(t);
    for (let t = 0; t < length; t++, at++) {
      ids[at] = BigInt(example.ids[t] ?? 0);
      positions[at] = BigInt(lead + t);
    }
  }
  const { feeds, L } = attentionFeeds(lengths, N, form);
  const ofAdapter: AdapterFeeds = adapter?.feeds?.(places) ?? { feeds: {}, sizes: {} };
  return {
    feeds: {
      ...feeds,
      ...ofAdapter.feeds,
      [FEEDS.ids]: ids,
      [FEEDS.positions]: positions,
    },
    sizes: { N, B: rows.length, L, ...ofAdapter.sizes },
  };
}

/** Where weighted tokens are predicted, what they are and weigh; filled up with rows that carry no weight. */
function tokenFeeds(
  rows: readonly FedRow[],
  { scale, lead }: { scale: number; lead: number },
  { rowChunks, rounding = UNROUNDED }: FeedForm,
): { feeds: Record<string, Feed>; R: number; counted: number } {
  const chosen: bigint[] = [];
  const labels: bigint[] = [];
  const coefficients: number[] = [];
  let start = 0;
  for (const { example, length } of rows) {
    const { ids, weights } = example;
    start += lead;
    for (let t = 0; t < length; t++) {
      const weight = weights[t + 1] ?? 0;
      if (weight === 0) continue;
      chosen.push(BigInt(start + t));
      labels.push(BigInt(ids[t + 1] ?? 0));
      coefficients.push(scale * weight);
    }
    start += length;
  }
  const R = roundUp(Math.ceil(chosen.length / rowChunks), rounding.rows);
  const weighed = new Float32Array(R * rowChunks);
  weighed.set(coefficients);
  const feeds = {
    [FEEDS.rows]: filled(chosen, weighed.length),
    [FEEDS.labels]: filled(labels, weighed.length),
    [FEEDS.coefficients]: weighed,
  };
  return { feeds, R, counted: chosen.length };
}

function filled(values: readonly bigint[], length: number): BigInt64Array {
  const result = new BigInt64Array(length);
  result.set(values);
  return result;
}

/** Where the heads of each token stand while rows are apart: RowInputs of graph/attention-forms.ts. */
function attentionFeeds(
  lengths: readonly number[],
  N: number,
  { blocks, heads, keyValueHeads, rounding = UNROUNDED }: FeedForm,
): { feeds: Record<string, Feed>; L: number } {
  const B = lengths.length;
  const filling = N - lengths.reduce((sum, length) => sum + length, 0);
  const L = placesOf(lengths, { blocks, rounding, filling });
  const T = blocks * L;
  const queries = new Spread(B * heads * T, N * heads);
  const keys = new Spread(B * keyValueHeads * T, N * keyValueHeads);
  const real = new Float32Array(B * heads * T);
  let start = 0;
  lengths.forEach((length, row) => {
    for (let t = 0; t < T; t++) {
      const token = start + t;
      const isReal = t < length;
      const block = Math.floor(t / L);
      for (let head = 0; head < heads; head++) {
        const place = ((block * B + row) * heads + head) * L + (t - block * L);
        if (isReal) real[place] = 1;
        queries.put(place, isReal ? token * heads + head : undefined);
      }
      for (let head = 0; head < keyValueHeads; head++) {
        const place = (row * keyValueHeads + head) * T + t;
        keys.put(place, isReal ? token * keyValueHeads + head : undefined);
      }
    }
    start += length;
  });
  // Filling stands where padding does: nothing comes back from there.
  const row = lengths.findIndex((length) => length < T);
  for (let token = start; token < N; token++) {
    for (let head = 0; head < heads; head++) {
      const place = (((blocks - 1) * B + row) * heads + head + 1) * L - 1;
      queries.put(place, token * heads + head);
    }
    for (let head = 0; head < keyValueHeads; head++) {
      keys.put((row * keyValueHeads + head + 1) * T - 1, token * keyValueHeads + head);
    }
  }
  return {
    feeds: {
      [FEEDS.spreadQueries]: queries.there,
      [FEEDS.collectQueries]: queries.back,
      [FEEDS.spreadKeys]: keys.there,
      [FEEDS.collectKeys]: keys.back,
      [FEEDS.real]: real,
      [FEEDS.mask]: causalMask(L, T - L),
    },
    L,
  };
}

/** Places of a row in each block; one more, where filling needs one that is padding. */
function placesOf(
  lengths: readonly number[],
  { blocks, rounding, filling }: { blocks: number; rounding: Rounding; filling: number },
): number {
  const places = roundUp(Math.ceil(largest(lengths) / blocks), rounding.places);
  const isFull = lengths.every((length) => length === places * blocks);
  return filling > 0 && isFull ? places + rounding.places : places;
}

class Spread {
  readonly there: BigInt64Array;
  readonly back: BigInt64Array;

  constructor(places: number, origins: number) {
    this.there = new BigInt64Array(places);
    this.back = new BigInt64Array(origins);
  }

  /** Padding repeats the first row. */
  put(place: number, origin: number | undefined): void {
    if (origin === undefined) return;
    this.there[place] = BigInt(origin);
    this.back[origin] = BigInt(place);
  }
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
