/** ‖got − expected‖ / ‖expected‖, in double precision; Infinity where something is no number. */
export function relativeError(got: Float32Array, expected: Float32Array): number {
  let difference = 0;
  let size = 0;
  for (let i = 0; i < expected.length; i++) {
    const value = expected[i] ?? 0;
    difference += ((got[i] ?? Number.NaN) - value) ** 2;
    size += value ** 2;
  }
  const error = Math.sqrt(difference / size);
  return Number.isNaN(error) ? Infinity : error;
}
