/** One tokenised row, ready to train on. */
export interface Example {
  /** Token ids, T of them. */
  ids: Int32Array;
  /** T flags: counted[t] = 1 when token t is a target, i.e. predicting it from ids[0..t) adds to the loss. */
  counted: Uint8Array;
  /** 1-based line in the data file. */
  line: number;
  /**
   * What the whole row is to be answered with, where tokens are not: a class, all classes that
   * apply, or a number. Exactly one token then counts, the last: a row weighs one.
   */
  label?: number | readonly number[];
}

/** Rows by number; a row may be made anew each time it is asked for. An array of rows is one. */
export type Examples = Pick<readonly Example[], "length" | "at" | typeof Symbol.iterator>;

/** Tokens that add to the loss. */
export function countedTokens({ counted }: Pick<Example, "counted">): number {
  return counted.reduce((sum, flag) => sum + flag, 0);
}
