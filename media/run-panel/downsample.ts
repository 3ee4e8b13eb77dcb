/** The first index whose x is ≥ `target`; x ascends. x.length when there is none. */
export function lowerBound(x: Float64Array, target: number): number {
  let low = 0;
  let high = x.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (x[middle]! < target) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The index whose x is nearest to `target`, −1 when x is empty. */
export function nearestIndex(x: Float64Array, target: number): number {
  if (x.length === 0) return -1;
  const right = Math.min(lowerBound(x, target), x.length - 1);
  const left = Math.max(right - 1, 0);
  return target - x[left]! <= x[right]! - target ? left : right;
}

export interface Window {
  min: number;
  max: number;
}

/**
 * Which rows to draw: the window is cut into `buckets` (about one per pixel) and each keeps, for every
 * series, its lowest and highest row, so that no spike is lost and the picture is that of all rows. Every
 * series keeps its nearest value either side of the window too: lines run out of the picture rather than
 * end in it, even that of an evaluation now and then.
 *
 * x: [n] ascending; series: each [n], NaN where a row has no value. Returns ascending row indices.
 */
export function selectRows(
  x: Float64Array,
  series: readonly Float64Array[],
  window: Window,
  buckets: number,
): number[] {
  const from = lowerBound(x, window.min);
  let to = lowerBound(x, window.max);
  if (x[to] === window.max) to += 1;
  const kept: number[] = [];
  const before = series.map((values) => nearestValue(values, from - 1, -1));
  kept.push(...ascending(before));
  if (to - from <= buckets * 2) {
    for (let row = from; row < to; row += 1) kept.push(row);
  } else {
    keepBuckets(kept, series, cutIntoBuckets(x, { from, to }, window, buckets));
  }
  const after = series.map((values) => nearestValue(values, to, 1));
  kept.push(...ascending(after));
  return kept;
}

/** The row at or after (before, for direction −1) `start` that has a value, −1 when there is none. */
function nearestValue(values: Float64Array, start: number, direction: 1 | -1): number {
  let row = start;
  while (row >= 0 && row < values.length && Number.isNaN(values[row]!)) row += direction;
  return row < values.length ? row : -1;
}

function ascending(rows: readonly number[]): number[] {
  return [...new Set(rows)].filter((row) => row >= 0).sort((a, b) => a - b);
}

/** The first row of every bucket that has rows, and the end of the last one. */
function cutIntoBuckets(
  x: Float64Array,
  rows: { from: number; to: number },
  window: Window,
  buckets: number,
): number[] {
  const width = (window.max - window.min) / buckets;
  const starts: number[] = [];
  let current = -1;
  for (let row = rows.from; row < rows.to; row += 1) {
    const bucket = Math.floor((x[row]! - window.min) / width);
    if (bucket !== current) starts.push(row);
    current = bucket;
  }
  return [...starts, rows.to];
}

function keepBuckets(kept: number[], series: readonly Float64Array[], starts: number[]): void {
  for (let bucket = 0; bucket + 1 < starts.length; bucket += 1) {
    const rows = series.flatMap((values) => extremes(values, starts[bucket]!, starts[bucket + 1]!));
    kept.push(...ascending(rows));
  }
}

/** The rows of the lowest and the highest value in [start, end), none when there is no value. */
function extremes(values: Float64Array, start: number, end: number): number[] {
  let lowest = -1;
  let highest = -1;
  for (let row = start; row < end; row += 1) {
    const value = values[row]!;
    if (Number.isNaN(value)) continue;
    if (lowest < 0 || value < values[lowest]!) lowest = row;
    if (highest < 0 || value > values[highest]!) highest = row;
  }
  return lowest < 0 ? [] : [lowest, highest];
}

/**
 * y at `target` on the line through the points (x, y), held at its ends: a zoom in steps becomes the
 * same zoom in seconds. x, y: [n] ascending.
 */
export function interpolate(x: Float64Array, y: Float64Array, target: number): number {
  const right = lowerBound(x, target);
  if (right === 0) return y[0] ?? 0;
  if (right === x.length) return y[x.length - 1]!;
  const share = (target - x[right - 1]!) / (x[right]! - x[right - 1]!);
  return y[right - 1]! + share * (y[right]! - y[right - 1]!);
}
