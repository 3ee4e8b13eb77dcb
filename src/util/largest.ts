/**
 * The largest of any number of values, `least` when there is none. Math.max(...values) puts them all on
 * the stack, which ends at some 120,000.
 */
export function largest(values: Iterable<number>, least = -Infinity): number {
  let found = least;
  for (const value of values) found = Math.max(found, value);
  return found;
}
