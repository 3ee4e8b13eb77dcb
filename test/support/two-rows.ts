import type { Example } from "../../src/data/example.ts";

/** Two rows of a vocabulary of 250 and more; every token counts. */
export const TWO_ROWS: readonly Example[] = [31, 20].map((length, row) => ({
  ids: Int32Array.from({ length }, (_, i) => (i * 37 + row * 11) % 250),
  weights: new Float32Array(length).fill(1),
  line: row + 1,
}));
