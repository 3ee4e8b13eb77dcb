import assert from "node:assert/strict";

export interface Tolerance {
  /** Relative to the expected array's largest magnitude. */
  rtol?: number;
  atol?: number;
}

/**
 * Asserts max|actual − expected| ≤ atol + rtol·max|expected| over the whole array, and says where
 * the worst element is. NaN never passes.
 */
export function assertClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { rtol = 0, atol = 0 }: Tolerance,
  label = "values",
): void {
  assert.equal(actual.length, expected.length, `${label}: length`);
  let scale = 0;
  for (let i = 0; i < expected.length; i++) scale = Math.max(scale, Math.abs(expected[i]!));
  const limit = atol + rtol * scale;
  let worst = 0;
  let worstAt = -1;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i]! - expected[i]!);
    if (!(difference <= worst)) {
      worst = difference;
      worstAt = i;
    }
    if (Number.isNaN(difference)) break;
  }
  assert.ok(
    worst <= limit,
    `${label}[${worstAt}]: got ${actual[worstAt]}, expected ${expected[worstAt]}, off by ${worst}, allowed ${limit}`,
  );
}
