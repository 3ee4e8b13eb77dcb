import { randomBytes } from "node:crypto";

const UNIQUE_BYTES = 6;

/**
 * A name beside `target` that nobody else uses. Process ids repeat, in containers above all, so that
 * the id alone may be in the way of what a killed process left.
 */
export function temporaryName(target: string): string {
  return `${target}.${process.pid}-${randomBytes(UNIQUE_BYTES).toString("hex")}.tmp`;
}
