/**
 * Ticks of a logarithmic axis. A loss seldom spans a decade, so powers of ten alone would leave it with
 * one tick or none: 1-2-5 steps are tried next, then evenly spaced round values.
 * min, max > 0. Returns at most about `limit` ascending values inside [min, max].
 */
export function logTicks(min: number, max: number, limit: number): number[] {
  if (!(min > 0) || !(max > min)) return [];
  for (const mantissas of [[1], [1, 2, 5]]) {
    const ticks = decades(min, max, mantissas);
    if (ticks.length >= 3) return thin(ticks, limit);
  }
  return linearTicks(min, max, limit);
}

function decades(min: number, max: number, mantissas: readonly number[]): number[] {
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(min)); power <= Math.ceil(Math.log10(max)); power += 1) {
    for (const mantissa of mantissas) {
      const tick = Number(`${mantissa}e${power}`);
      if (tick >= min && tick <= max) ticks.push(tick);
    }
  }
  return ticks;
}

function thin(ticks: number[], limit: number): number[] {
  const stride = Math.ceil(ticks.length / Math.max(limit, 1));
  return ticks.filter((_, index) => index % stride === 0);
}

/** Round values (1, 2, 2.5 or 5 times a power of ten apart) inside [min, max], at most `limit`. */
export function linearTicks(min: number, max: number, limit: number): number[] {
  const rough = (max - min) / Math.max(limit, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  if (step === undefined || !(step > 0)) return [];
  const ticks: number[] = [];
  for (let index = Math.ceil(min / step); index * step <= max; index += 1) {
    ticks.push(Number((index * step).toPrecision(12)));
  }
  return ticks;
}

/** Distances between ticks of elapsed seconds that a person expects of a clock. */
export const CLOCK_STEPS = [
  0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600,
  43_200, 86_400, 172_800, 432_000, 864_000,
];

/** Distances between ticks of steps: whole numbers only. */
export const STEP_STEPS = Array.from({ length: 9 }, (_, power) =>
  [1, 2, 5].map((factor) => factor * 10 ** power),
).flat();
