const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/iu;

/** A number as people write it. @returns undefined for others that JavaScript reads: "0x10", "0b1", "", "Infinity" */
export function parseDecimal(text: string): number | undefined {
  const digits = text.trim();
  const value = Number(digits);
  return DECIMAL.test(digits) && Number.isFinite(value) ? value : undefined;
}
