/** What the evaluation graph says of weighted tokens, given back to the rows that they stand in. */
import { type Example, countedTokens } from "../data/example.ts";
import type { FedRow } from "../objectives/row-head.ts";

/**
 * Counted tokens that the arg-max predicts, and rows in which it predicts all of them.
 * @param rows of one run, in its order
 * @param hits 1 or 0 for each counted token of the rows, one row after the other; what follows is
 * filling of the head's last part, and no answer
 */
export function tokenHits(
  rows: readonly FedRow[],
  hits: Float32Array,
): { correct: number; exact: number } {
  let [correct, exact, at] = [0, 0, 0];
  for (const { example, length } of rows) {
    // The first token has nothing before it that could predict it.
    const counted = countedTokens({ weights: example.weights.subarray(1, length + 1) });
    const right = hits.subarray(at, at + counted).reduce((sum, hit) => sum + hit, 0);
    correct += right;
    exact += Number(right === counted);
    at += counted;
  }
  return { correct, exact };
}

/**
 * Writes the negative cross-entropies to where their tokens stand.
 * @param losses as hits above
 */
export function tokenLogProbs(
  rows: readonly FedRow[],
  losses: Float32Array,
  into: ReadonlyMap<Example, Float32Array>,
): void {
  let at = 0;
  for (const { example, length } of rows) {
    const own = into.get(example);
    for (let t = 1; t <= length; t++) {
      if (example.weights[t] === 0) continue;
      if (own) own[t] = -(losses[at] ?? Number.NaN);
      at++;
    }
  }
}

export function floats(data: unknown): Float32Array {
  if (!(data instanceof Float32Array)) throw new Error("internal: the engine returned no floats");
  return data;
}
