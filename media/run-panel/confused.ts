/** Which labels are taken for which others, the most frequent first. */

/** Enough to see what goes wrong, few enough to read. */
const MAX_CONFUSED = 20;

export interface Confused {
  /** Row of the matrix: what the rows are. */
  label: number;
  /** Column: what they were called. */
  given: number;
  count: number;
  /** The share of the label's rows. */
  share: number;
}

/** @param confusion rows by their label, columns by the one given */
export function mostConfused(confusion: readonly (readonly number[])[]): Confused[] {
  return confusion
    .flatMap((counts, label) => {
      const total = counts.reduce((sum, count) => sum + count, 0);
      return counts.map((count, given) => ({ label, given, count, share: count / total }));
    })
    .filter(({ label, given, count }) => label !== given && count > 0)
    .toSorted((a, b) => b.count - a.count || b.share - a.share)
    .slice(0, MAX_CONFUSED);
}
