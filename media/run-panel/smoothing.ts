/**
 * Exponential moving average with the bias of its start removed, as TensorBoard's slider does:
 * s ← w·s + (1−w)·x, shown as s / (1 − wⁿ). With w = 0 it is the series itself. NaN (no value in that
 * row, or a loss that is not a number) is passed over and stays NaN, so one bad step can't blank the rest.
 *
 * values: [n], NaN where a row has none. Returns [n].
 */
export function smooth(values: Float64Array, weight: number): Float64Array {
  const result = new Float64Array(values.length).fill(NaN);
  let average = 0;
  let correction = 1;
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i]!;
    if (!Number.isFinite(value)) continue;
    average = weight * average + (1 - weight) * value;
    correction *= weight;
    result[i] = average / (1 - correction);
  }
  return result;
}
