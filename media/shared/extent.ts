/** Least and most of any number of values; Math.max(...values) ends at some 120,000. */
export function extentOf(values: Iterable<number>): { min: number; max: number } {
  let [min, max] = [Infinity, -Infinity];
  for (const value of values) {
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  return { min, max };
}
