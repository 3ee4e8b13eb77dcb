/** Summaries of repeated measurements. */
export interface Spread {
  median: number;
  min: number;
  max: number;
}

/** @param values at least one */
export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  const [min, max] = [sorted[0], sorted.at(-1)];
  if (low === undefined || high === undefined || min === undefined || max === undefined) {
    throw new Error("internal: nothing was measured");
  }
  return { median: (low + high) / 2, min, max };
}

/**
 * Ratio of two workers that took turns: each of ours against theirs of the same round, so that what
 * slowed a whole round cancels out.
 */
export function pairedRatio(ours: readonly number[], theirs: readonly number[]): Spread {
  if (ours.length !== theirs.length) {
    throw new Error(`internal: ${ours.length} rounds against ${theirs.length}`);
  }
  return spread(ours.map((value, round) => value / (theirs[round] ?? Number.NaN)));
}
