let table: Float32Array | undefined;

/** The float32 value of each of the 65,536 half-precision bit patterns. */
export function halfToFloat(): Float32Array {
  table ??= Float32Array.from({ length: 0x10000 }, (_, bits) => {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
    return sign * (1024 + fraction) * 2 ** (exponent - 25);
  });
  return table;
}
