/** One tokenised row, ready to train on. */
export interface Example {
  /** Token ids, T of them. */
  ids: Int32Array;
  /**
   * T factors: weights[t] is what the cross-entropy of predicting token t from ids[0..t) is multiplied by in the
   * loss. Data give 1 to what is learnt and 0 to what is not; an objective may weigh otherwise, below 0 too.
   */
  weights: Float32Array;
  /** Tokens of its prompt, where they can't be told by the first weight that is not 0. */
  prompt?: number;
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

/** The row under other weights; its prompt stays what it was. */
export function reweighed(example: Example, weights: Float32Array): Example {
  return { ...example, weights, prompt: promptLength(example) };
}

/** Tokens before the first that adds to the loss; all of a row that is labelled. */
export function promptLength({
  weights,
  label,
  prompt,
}: Pick<Example, "weights" | "label" | "prompt">): number {
  if (label !== undefined) return weights.length;
  if (prompt !== undefined) return prompt;
  const first = weights.findIndex((weight) => weight !== 0);
  return first === -1 ? weights.length : first;
}

/** Tokens that add to the loss, whatever their weight. */
export function countedTokens({ weights }: Pick<Example, "weights">): number {
  let count = 0;
  for (let t = 0; t < weights.length; t++) if (weights[t] !== 0) count++;
  return count;
}
