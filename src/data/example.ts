/** One tokenised row, ready to train on. */
export interface Example {
  /** Token ids, T of them. */
  ids: Int32Array;
  /** T flags: counted[t] = 1 when token t is a target, i.e. predicting it from ids[0..t) adds to the loss. */
  counted: Uint8Array;
  /** 1-based line in the data file. */
  line: number;
}

/** Tokens that add to the loss. */
export function countedTokens({ counted }: Example): number {
  return counted.reduce((sum, flag) => sum + flag, 0);
}
