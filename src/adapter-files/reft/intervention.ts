/**
 * One representation fine-tuning intervention: what it adds to a hidden state h [d] of a block's
 * output (ReFT, arXiv 2404.03592, section 3.2; pyreft/interventions.py), at the positions it is for:
 *
 *   loreft:  h' = h + R (W h + b − Rᵀ h)      R [d, r] with orthonormal columns, W [r, d], b [r]
 *   direft:  h' = h + R (W h + b)             R as above
 *   noreft:  h' = h + R (W h + b − Rᵀ h)      R [d, r] free (pyreft keeps P = Rᵀ)
 *
 * In training, dropout is applied to all of h', not to what was added alone. pyreft can also put an
 * activation around W h + b (`act_fn`), which none of its files records: the files are read as linear.
 */
export type ReftType = "loreft" | "direft" | "noreft";

export interface ReftWeights {
  type: ReftType;
  rank: number;
  /** R [d, r], row by row */
  rotate: Float32Array;
  /** W [r, d], row by row */
  weight: Float32Array;
  /** b [r] */
  bias: Float32Array;
}

/** A classification head that was trained along: its rows, one for each label, one after the other. */
export interface ReftHead {
  labels: number;
  values: Float32Array;
}
