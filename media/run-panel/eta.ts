/** Steps whose speed is looked at: long enough to average evaluations in, short enough to follow. */
const MIN_WINDOW_STEPS = 20;
const WINDOW_SHARE = 0.25;

/**
 * Milliseconds until `totalSteps`, from the speed over the last quarter of the steps (at least 20).
 * Evaluation time counts, as it lies between steps. undefined while there is nothing to go by.
 *
 * steps, elapsedMs: [n], ascending.
 */
export function estimateRemainingMs(
  steps: Float64Array,
  elapsedMs: Float64Array,
  totalSteps: number,
): number | undefined {
  const last = steps.length - 1;
  if (last < 1 || steps[last]! < 2) return undefined;
  const window = Math.max(MIN_WINDOW_STEPS, Math.ceil(steps[last]! * WINDOW_SHARE));
  let first = last - 1;
  while (first > 0 && steps[last]! - steps[first]! < window) first -= 1;
  const doneSteps = steps[last]! - steps[first]!;
  if (doneSteps <= 0) return undefined;
  const msPerStep = (elapsedMs[last]! - elapsedMs[first]!) / doneSteps;
  return Math.max(0, totalSteps - steps[last]!) * msPerStep;
}
